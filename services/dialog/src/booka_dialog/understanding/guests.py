# ruff: noqa: E501 - a pattern stays in one piece
"""Visits for somebody else: "for my daughter Lia", "é para minha mãe Rosa"."""

import re
from dataclasses import dataclass

from booka_dialog.understanding.days import DAY_WORDS
from booka_dialog.understanding.words import fold

__all__ = ["Guest", "read_guest"]

_RELATIVES = (
    r"daughter|son|kids?|child|baby|mother|mum|mom|mommy|father|dad|daddy|wife|husband|partner|girlfriend|boyfriend|fianc[eé]e?|friend|sister|brother|"
    r"grand(?:ma|mother|pa|father|son|daughter)|aunt|uncle|cousin|niece|nephew|mother[- ]in[- ]law|father[- ]in[- ]law|boss|colleague|neighbou?r|"
    r"filh[ao]|filhinh[ao]|m[ãa]e|mam[ãa]e|pai|papai|esposa|esposo|mulher|marido|namorad[ao]|noiv[ao]|companheir[ao]|amig[ao]|irm[ãa]o?|av[óôo]|v[óôo]|vov[óôo]|net[ao]|ti[ao]|prim[ao]|"
    r"sobrinh[ao]|sogr[ao]|cunhad[ao]|afilhad[ao]|madrinha|padrinho|enteada|enteado|chefe|colega|vizinh[ao]|beb[êe]|crian[çc]a"
)
_FOR = re.compile(
    rf"\b(?:(?:it'?s|this is|that'?s|[ée]|eh|seria|sera) )?(?:not for me,? (?:but )?)?(?:for|para|pra|pro|p/)\s+(?:o |a )?(?:my|our|meu|minha|nosso|nossa)\s+(?:\w+ )?(?:{_RELATIVES})\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:(?:it'?s|this is) )?(?:not for me|for someone else|for somebody else|para outra pessoa|pra outra pessoa|n[ãa]o [ée] (?:para|pra) mim)\b",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"[\s,:(\-]*(?:(?:called|named|her name is|his name is|whose name is|chamad[ao]|que se chama|o nome dela [ée]|o nome dele [ée]|nome)\s+)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"\s*([^\W\d_](?:[^\W\d_]|['’\-])*)")
_LONGEST = 60
_JOINING = frozenset({"de", "da", "do", "das", "dos", "van", "von", "del"})
#: What may follow "my daughter" without being her name.
_NO_NAME = frozenset(DAY_WORDS) | frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "e",
        "com",
        "with",
        "at",
        "on",
        "in",
        "to",
        "for",
        "from",
        "by",
        "after",
        "before",
        "please",
        "pls",
        "thanks",
        "thank",
        "today",
        "tonight",
        "now",
        "next",
        "this",
        "que",
        "quer",
        "wants",
        "would",
        "needs",
        "precisa",
        "hoje",
        "amanha",
        "na",
        "no",
        "as",
        "a",
        "o",
        "os",
        "para",
        "pra",
        "por",
        "favor",
        "depois",
        "antes",
        "de",
        "da",
        "do",
        "dia",
        "semana",
        "proxima",
        "proximo",
        "sexta",
        "sabado",
        "domingo",
        "segunda",
        "terca",
        "quarta",
        "quinta",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "seg",
        "ter",
        "qua",
        "qui",
        "sex",
        "sab",
        "dom",
        "jan",
        "feb",
        "fev",
        "mar",
        "apr",
        "abr",
        "may",
        "mai",
        "jun",
        "jul",
        "aug",
        "ago",
        "sep",
        "set",
        "oct",
        "out",
        "nov",
        "dec",
        "dez",
        "is",
        "her",
        "his",
        "dela",
        "dele",
        "too",
        "also",
        "tambem",
        "obrigada",
        "obrigado",
        "if",
        "se",
        "who",
        "quem",
        "como",
        "as",
        "soon",
        "asap",
        "haircut",
        "cut",
        "manicure",
        "corte",
        "unha",
        "unhas",
        "nails",
        "cabelo",
        "hair",
    ]
)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody else than the contact will come. `name`: None if the text does not say it."""

    name: str | None


def read_guest(text: str) -> tuple[Guest | None, str]:
    """For whom else the visit is, and the text without those words."""
    match = _FOR.search(text) or _OTHER.search(text)
    if not match:
        return None, text
    after = _CALLED.match(text, match.end())
    at = after.end() if after else match.end()
    name: list[str] = []
    end = match.end()
    while len(name) < 4 and (word := _WORD.match(text, at)):
        said, folded = word[1], fold(word[1])
        joins = bool(name) and folded in _JOINING
        if not joins and (folded in _NO_NAME or len(folded) < 2):
            break
        # Written small, only the first word is surely the name.
        if name and not said[0].isupper() and not joins:
            break
        name.append(said)
        at = word.end()
        end = at
    while name and fold(name[-1]) in _JOINING:
        name.pop()
    told = " ".join(name)[:_LONGEST].strip()
    told = told.title() if told.islower() or told.isupper() else told
    return Guest(told or None), f"{text[: match.start()]} , {text[end:]}"
