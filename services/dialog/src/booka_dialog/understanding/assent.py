# ruff: noqa: E501 - a pattern stays in one piece
"""Whether a text that holds a word of assent gives it: "not sure yet", "is that right?" and "I'll confirm later" do not.

What is booked, moved or cancelled by a yes is not easily undone, so in doubt the question is asked once more.
"""

import re
from typing import Literal

__all__ = ["Assent", "assent_of", "without_objections", "words"]

#: Given, withheld ("that's not right"), put off ("maybe later"), or None: nothing of the kind was said.
Assent = Literal["yes", "no", "later"]


def words(pattern: str) -> re.Pattern[str]:
    """Any of the alternatives in `pattern`, as whole words."""
    return re.compile(rf"(?<![\w'])(?:{pattern})(?![\w'])")


_YES = (
    r"y|yes+|yep|yeah+|yup|sure|ok+(?:ay)?|okey|si+m*|s|claro|isso(?: mesmo| ai)?|pode ser|pode(?: sim| marcar| confirmar| reservar)?|confirm(?:o|ar|ed|a|ado|ada)?|certo|certinho|"
    r"beleza|blz|perfeit[oa]|perfect|correct|right|that'?s right|great|go ahead|please do|do it|book it|com certeza|fechado|combinado|bora|vamos|aceito|"
    r"sounds good|looks good|all good|ta bom|ta certo|esta certo|tudo certo|of course|absolutely|quero sim|fine|that works|"
    r"exat[oa](?:mente)?|exactly|otim[oa]|maravilha|joia|uhum|aham|no (?:problem|worries)|not a problem|why not|(?:sem|nao tem|nao ha|nenhum) problemas?|por ?que nao"
)
_SAID = words(_YES)
_FIRST = re.compile(rf"(?:(?:ah?|oh|hm+|well|entao|bom|please|por favor)[ ,]+)?(?:{_YES})(?![\w'])")
#: A yes in spite of its no.
_NO_OBJECTION = words(
    r"no (?:problem|worries)|not a problem|why not|(?:sem|nao tem|nao ha|nenhum) problemas?|por ?que nao"
)
_DENIED = words(
    rf"(?:not|never|nothing|nor|cannot|dont|isnt|doesnt|wont|\w+n't)(?: \w+){{0,2}}? (?:{_YES})|"
    r"(?:of course|absolutely|certainly|definitely|claro que|com certeza|ok(?:ay)?|yes|sim) (?:not|no|nao)|not now"
)
_LATER = words(
    r"not (?:so |really |quite |too |entirely )?sure|unsure|not yet|maybe|perhaps|it depends|depends|hold on|hang on|(?:wait|pera(?:i|e)?|espera(?: ai)?|calma)(?=[,.! ]*\Z)|wait a (?:sec(?:ond)?|minute|min|moment|bit)|"
    r"(?:just )?(?:one|a) (?:sec(?:ond)?|moment|minute)|let me (?:think|see|check|ask|look|confirm)|i(?:'ll| will| need to| have to| must| want to|'d like to) (?:think|check|ask|see|get back|let you know)|"
    r"(?:i'?ll|i will|need to|have to|can i|could i|may i|how (?:do|can) i) confirm|confirm\w* (?:\w+ )?(?:later|tomorrow|tonight|depois|mais tarde|amanha)|"
    r"talvez|quem sabe|nao sei|ainda nao|depende|deixa(?: eu)? (?:ver|pensar|perguntar|confirmar|checar|falar)|(?:vou|preciso|tenho que|quero) (?:ver|pensar|perguntar|checar|verificar|falar|confirmar)|"
    r"um (?:momento|momentinho|minuto|minutinho|segundo)|(?:te|lhe) (?:aviso|falo|confirmo|respondo)|ja (?:aviso|falo|confirmo|respondo)|(?:posso|te|depois) confirmar"
)
_ASKED_OF_US = re.compile(
    r"(?:please |por favor )?(?:(?:can|could|would|will) (?:you|u)|(?:voce |vc )?(?:pode|poderia|consegue))\b"
)
_QUESTION = re.compile(r"(?:is|are|was|does|did|how|what|when|where|which|who|como|qual|quando|onde|quem)\b")
_CONDITION = words(r"but|mas|porem|however|only if|so se|unless|desde que|contanto que")
_SENTENCES = re.compile(r"(?<=[.!?;])\s*")


def assent_of(folded: str) -> Assent | None:
    """What a text says in answer to a question that a yes would settle."""
    if _LATER.search(folded):
        return "later"
    if _DENIED.search(_NO_OBJECTION.sub(" ", folded)):
        return "no"
    agreed = False
    for sentence in _SENTENCES.split(folded):
        if not _SAID.search(sentence):
            continue
        asks = sentence.endswith("?") or _QUESTION.match(sentence) is not None
        agreed = agreed or not asks or bool(_FIRST.match(sentence) or _ASKED_OF_US.match(sentence))
    return "yes" if agreed and not _CONDITION.search(folded) else None


def without_objections(folded: str) -> str:
    """The text without the words that sound like a no and are none."""
    return _NO_OBJECTION.sub(" ", folded)
