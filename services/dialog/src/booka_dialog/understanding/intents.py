# ruff: noqa: E501 - a pattern stays in one piece
"""What a client wants apart from filling slots: yes, no, cancel, start over, thanks, other times …"""

import re
from enum import StrEnum

from booka_dialog.understanding.assent import assent_of, without_objections, words

__all__ = ["ANYONE_WORDS", "Intent", "pick_of", "picks_of", "read_intents"]


class Intent(StrEnum):
    """One thing that a text may say."""

    CANCEL = "cancel"
    RESTART = "restart"
    GREETING = "greeting"
    THANKS = "thanks"
    YES = "yes"
    NO = "no"
    CHANGE = "change"
    MORE = "more"
    BOOK = "book"
    PRICE = "price"
    HELP = "help"
    ANYONE = "anyone"
    ANY_PERSON = "any_person"
    WHENEVER = "whenever"
    MOVE = "move"
    KEEP = "keep"
    NEVER_MIND = "never_mind"
    ADD = "add"
    REMOVE = "remove"
    ONLY = "only"
    INSTEAD = "instead"
    WAIT = "wait"
    LEAVE_LIST = "leave_list"
    TAKE_OFFER = "take_offer"
    REFUSE_OFFER = "refuse_offer"
    HESITATE = "hesitate"
    PAID = "paid"
    ALL = "all"
    RECALL = "recall"
    ELSEWHERE = "elsewhere"


#: Asked about, or ruled out: nothing is cancelled by it.
_NOT_CANCEL = words(
    r"(?:don'?t|do not|nao|not|never) (?:want to |quero |vou |precisa |to )?(?:cancel\w*|desmarc\w*)|"
    r"(?:if|se) (?:\w+ ){1,4}(?:cancel\w*|desmarc\w*)|(?:cancel\w*|desmarc\w*) (?:\w+ )?(?:later|afterwards|for free|free of charge|any ?time|depois|mais tarde|de graca|sem custo|a qualquer hora)"
)  # fmt: skip
#: How it is said that it does not matter who.
ANYONE_WORDS = words(
    r"any ?(?:one|body)|whoever|who ?ever is (?:free|available)|any of (?:them|you)|(?:com )?qualquer (?:um|uma|pessoa|profissional)|quem (?:estiver|tiver|puder|for|estiver livre)|"
    r"tanto faz|sem preferencia|no preference|don'?t (?:mind|care)|do not (?:mind|care)|doesn'?t matter|nao importa|indiferente|whichever|either|all the same|any staff|any stylist"
)  # fmt: skip
_LIST = r"(?:wait(?:ing)?[ -]?list|(?:the|your) list|lista(?: de espera)?)"
_OFFER = r"(?:offer|spot|opening|vaga|oferta)"
_PATTERNS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (Intent.CANCEL, words(
        r"cancel(?:ar?|e|led?|ed|o|a)?|cancel it|desmar(?:car|ca|que|co)|stop|parar|pare|para tudo|quit|esquece(?:r)?|deixa pra la|"
        r"forget (?:it|about it)|never ?mind|desist(?:ir|o|i)|nao quero mais|(?:don'?t|do not) want (?:it |this |to )?(?:book )?any ?more|call (?:it|the whole thing) off"
    )),
    (Intent.RESTART, words(r"restart|start (?:over|again|afresh|from scratch)|recomec(?:ar|a|e)|comecar de novo|de novo do (?:zero|inicio)|do zero|reinici(?:ar|a|e)|reset")),
    (Intent.GREETING, words(r"hi+|hello+|hey+|hiya|good (?:morning|afternoon|evening|day)|oi+e?|ola+|opa|e ai|eai|bom dia|boa tarde|boa noite|tudo bem|tudo bom|how are you")),
    (Intent.THANKS, words(r"thanks?|thank you|thank u|thx|ty|cheers|(?:muito )?obrigad[oa]|brigad[oa]|brigadao|obg|valeu|vlw|tks|agradec\w+")),
    (Intent.NO, words(r"n|(?:(?<=[,.!] )|(?<=\A))no+(?! (?:dia|sab|dom|fim|final|almoco|prox|mes|meu|nome|salao|mesmo|perio|horar|natal|feriado))|nope|nah|nao|naum|negativo|not (?:really|this|that|quite)|wrong|errad[oa]|incorrect")),
    (Intent.CHANGE, words(
        r"change|changed|instead|actually|rather|switch|swap|move it|mud(?:ar|a|e|ei|o)|troc(?:ar|a|o|ue)|na verdade|alias|prefiro|prefer|em vez|"
        r"ao inves|melhor|remarcar|reschedule|make it|quis dizer|i meant|correction|corrigir|correcao"
    )),
    (Intent.MORE, words(r"more(?: (?:times|options|slots))?|other (?:times?|options?|slots?|hours?)|others|something else|different time|mais(?: (?:horarios|opcoes|tarde))?|outros?(?: horarios?)?|outras(?: opcoes| horas)?|nenhum(?: desses)?|none(?: of (?:these|those|them))?|later")),
    (Intent.BOOK, words(r"book|schedule|reserve|(?<!my )(?:booking|appointment|reservation)|agend(?:ar|a|e)|marcar|marca|reservar|(?<!meu )(?:agendamento|horario)|(?<!minha )reserva|vaga")),
    (Intent.PRICE, words(r"how much|prices?|cost|costs|how long (?:does|will|would|is)|quanto (?:que )?(?:custa|e|fica|sai|ta|custaria|ficaria|sairia)|quanto tempo|precos?|valor(?:es)?|tabela")),
    (Intent.HELP, words(r"help|ajuda|menu|options|opcoes|servicos|services|what can you do|list|lista")),
    (Intent.ANYONE, ANYONE_WORDS),
    (Intent.ANY_PERSON, words(r"any ?(?:one|body)|whoever|any (?:staff|stylist)|qualquer (?:um|uma|pessoa|profissional)|quem (?:estiver|tiver|puder|for)")),
    (Intent.PAID, words(
        r"(?<!not )(?<!n't )(?:paid|payed)|payment (?:is )?(?:done|made|sent|complete)|paguei|(?:ja |esta |ta )pago|fiz o (?:pix|pagamento)|pagamento (?:feito|efetuado|realizado|enviado)|comprovante"
    )),
    (Intent.ALL, words(r"both|all(?: of (?:them|it))?(?! good)|everything|as duas|os dois|ambos|ambas|tod[ao]s|tudo(?! bem| bom| certo)")),
    (Intent.ELSEWHERE, words(
        r"(?:talk|speak|chat) (?:to|with) (?:a |an |the )?(?:real )?(?:human|person|someone|somebody|people|agent|manager|owner|receptionist)|real person|human(?: being)?|"
        r"address|where are you|where (?:is|'s) (?:it|the salon)|located|parking|opening hours|(?:what time|when) do you (?:open|close)|are you open|"
        r"atendente|falar com (?:alguem|uma pessoa|um humano|a recepcao|o salao|a dona|o dono)|endereco|onde (?:fica|voces)|estacion\w+|que horas (?:voces )?(?:abre|fecha)m?|voces abrem|horario de funcionamento"
    )),
    (Intent.RECALL, words(
        r"(?:when|what time|which day|what day|who) (?:is|was|are|am|do|did) (?:it|i|we|my \w+)(?: \w+){0,3}|when'?s my \w+|do i have (?:a|an|any|another) (?:appointment|booking|visit|reservation)|"
        r"my (?:next )?(?:appointments|bookings|visits|reservations)|"
        r"(?:quando|que horas?|que dia) (?:e|eh|era|sera|esta|ficou|fica|tenho) (?:o |a |mesmo )?(?:meu|minha|marcad[oa])(?: \w+)?|(?:qual|quais) (?:e |eh |sao )?(?:o |a |os |as )?(?:meu|minha|meus|minhas) (?:horarios?|agendamentos?|reservas?|visitas?)|"
        r"(?:eu )?tenho (?:algum |alguma |um |uma )?(?:horario|agendamento|reserva)s? (?:marcad[oa]s?)?|meus (?:horarios|agendamentos)|minhas reservas"
    )),
    (Intent.WHENEVER, words(
        r"as soon as possible|a\.?s\.?a\.?p\.?|soonest|earliest(?: possible)?|next (?:free|available)(?: (?:time|slot|one))?|first (?:free|available)(?: (?:time|slot))?|when ?ever|any ?time|any day|"
        r"o quanto antes|quanto antes|o mais (?:rapido|cedo|breve)(?: possivel)?|mais cedo possivel|logo que (?:der|puder)|qualquer (?:dia|hora|horario|data)|primeir[oa] (?:horario|vaga)(?: (?:livre|disponivel))?|"
        r"proxim[oa] (?:horario|vaga)(?: (?:livre|disponivel))?|right now|agora mesmo"
    )),
    (Intent.MOVE, words(
        r"re-?s?c?hedul\w+|(?:\Amove(?=[.! ]*\Z))|re-?book|postpon\w+|(?:re)?move (?:it|my|this|that|our|the (?:visit|appointment|booking|time|date|day)) (?:\w+ ){0,3}(?:to|from|for|forward|back)|move (?:it|my|this|that|our|the (?:visit|appointment|booking|time|date|day))|"
        r"push (?:it|my \w+) ?(?:back)?|bring (?:it|my \w+) forward|change (?:the|my) (?:time|date|day|hour|appointment|booking|visit|reservation)|(?:another|a different|other) (?:time|day|date) for my|"
        r"rema[rt]?c\w+|reage?nd\w+|adiar|adia|antecip\w+|transfer(?:ir|e) (?:o|a|meu|minha|para|pra)|passar? (?:o meu|meu|a minha|minha|o|a)? ?(?:horario|visita|reserva|agendamento)?(?:para|pra)|"
        r"(?:mudar|muda|mudo|trocar|troca|alterar|altera) (?:de |o |a |meu |minha |o meu |a minha |esse |essa |este |esta )?(?:horario|dia|data|hora|agendamento|reserva|marcacao|visita)"
    )),
    (Intent.NEVER_MIND, words(r"stop|parar|pare|quit|esquece(?:r)?|deixa pra la|forget (?:it|about it)|never ?mind")),
    (Intent.KEEP, words(r"(?:leave|keep) (?:it|them|everything|as it is)|as it is|deix(?:a|ar|e) (?:assim|como esta|como ta)|mant(?:em|er|enha|enho)|ficar? como esta")),
    (Intent.ADD, words(r"also|add(?:ing)?|plus|as well|too|tambem|adicion\w+|acrescent\w+|inclu[iae]\w*|mais (?:um|uma|o|a)|alem d[aeo]|aproveit\w+|extra")),
    (Intent.REMOVE, words(
        r"without|remov\w+|drop|skip|leave out|take (?:(?:the |my )?\w+ )?(?:off|out|away)|minus|no need (?:for|of)|(?:don'?t|do not|won'?t) (?:need|want)|no longer (?:need|want)|"
        r"sem(?! prefer)|retir\w+|tir(?:a|ar|e|o)|exclu[iae]\w*|menos|(?:nao|nem) (?:preciso|quero|vou querer|precisa)(?: mais)?"
    )),
    (Intent.ONLY, words(r"only|just|so|somente|apenas")),
    (Intent.INSTEAD, words(r"instead of|rather than|in place of|em vez|no lugar|ao inves|swap|trocar?")),
    (Intent.LEAVE_LIST, words(
        rf"(?:leave|quit|cancel|stop|get off|(?:take|remove) me (?:off|from)|off|out of|not|sai[ro]?|tir(?:a|ar|e)(?: me)?|cancel(?:a|ar|e)|remov\w+|desist\w+|nao)\b[^.!?]{{0,25}} ?{_LIST}|"
        r"(?:don'?t|do not|no need to) (?:wait|notify me|tell me) any ?more|nao precisa(?:m)?(?: mais)? (?:me )?avisar"
    )),
    (Intent.WAIT, words(
        r"wait(?:ing)?[ -]?list|lista de espera|(?:na|para a|pra) lista|wait ?list me|(?:tell|let|notify|call|write|message|ping) me (?:know )?(?:if|when|should) (?:something|anything|it|one|a (?:spot|slot|time)|there)|if (?:something|anything|a (?:spot|slot|time)) (?:opens|becomes|gets|comes)|"
        r"(?:me )?avis(?:a|e|ar|em)(?: me)? (?:se|quando|caso)|se (?:abrir|vagar|surgir|aparecer|desistirem|alguem desistir)"
    )),
    (Intent.TAKE_OFFER, words(rf"(?:take|accept|want|book|i'?ll have) (?:the |that |this )?(?:waiting list )?{_OFFER}|(?:aceit(?:ar|o|a)|quero|fico com|pego|pegar) (?:a |o |essa |esta )?{_OFFER}")),
    (Intent.REFUSE_OFFER, words(rf"(?:decline|refuse|reject|pass on|not take|don'?t (?:want|take)|skip) (?:the |that |this )?(?:waiting list )?{_OFFER}|(?:recus(?:ar|o|a)|dispens(?:ar|o|a)|nao quero|rejeit(?:ar|o)) (?:a |o |essa |esta )?{_OFFER}")),
)  # fmt: skip
_YES_SIGNS = ("👍", "✅", "👌", "✔", "🆗")
_NO_SIGNS = ("👎", "❌", "✖", "🚫")

_ORDINALS = (
    ("first", "primeiro", "primeira", "1st", "1o", "1a"),
    ("second", "segundo", "segunda opcao", "2nd", "2o", "2a"),
    ("third", "terceiro", "terceira", "3rd", "3o", "3a"),
    ("fourth", "quarto", "quarta opcao", "4th", "4o", "4a"),
    ("fifth", "quinto", "quinta opcao", "5th", "5o", "5a"),
    ("sixth", "sexto", "sexta opcao", "6th", "6o", "6a"),
)
_LAST = ("last", "ultimo", "ultima")
_CARDINALS = (
    ("one", "um", "uma"), ("two", "dois", "duas"), ("three", "tres"), ("four", "quatro"), ("five", "cinco"), ("six", "seis"),
    ("seven", "sete"), ("eight", "oito"), ("nine", "nove"), ("ten", "dez"),
)  # fmt: skip
_ORDINAL_OF = {word: place for place, words in enumerate(_ORDINALS, start=1) for word in words} | dict.fromkeys(
    _LAST, -1
)
_CARDINAL_OF = {word: number for number, words in enumerate(_CARDINALS, start=1) for word in words}
_LEAD = r"(?:(?:the|o|a|opcao|option|number|numero|num|n|no|quero|i(?:'d| would)? (?:want|like|take)|i'll (?:take|have)|vou de|pode ser|fico com|escolho|prefiro|yes|sim|ok)[ ,]+)*"
_TAIL = r"(?: (?:one|option|opcao|horario|please|pls|por favor|pf|thanks|obrigad[oa]))*"
_PICK = re.compile(rf"{_LEAD}[#n°º]?\s?(?P<number>\d{{1,2}})\s?[.)°º]?{_TAIL}[.! ]*")
_PICK_WORD = re.compile(
    rf"{_LEAD}(?P<word>{'|'.join(sorted((*_ORDINAL_OF, *_CARDINAL_OF), key=len, reverse=True))}){_TAIL}[.! ]*"
)
_AND = r"\s*(?:,|;|&|\+|\be\b|\band\b|\s)\s*"
_ONE_OF = rf"(?:\d{{1,2}}|{'|'.join(word for words in _CARDINALS for word in words)})"
_PICKS = re.compile(rf"{_LEAD}(?P<numbers>{_ONE_OF}(?:{_AND}(?:o |a |the |also |tambem )?{_ONE_OF})+){_TAIL}[.! ]*")
_NOT_TEXT = re.compile("[\ufe0e\ufe0f\u20e3]")


def read_intents(folded: str) -> frozenset[Intent]:
    """Everything that the text says."""
    kept = without_objections(_NOT_CANCEL.sub(" ", folded))
    found = {intent for intent, pattern in _PATTERNS if pattern.search(kept)}
    match assent_of(folded):
        case "yes":
            found.add(Intent.YES)
        case "no":
            found.add(Intent.NO)
        case "later":
            found = found - {Intent.NO} | {Intent.HESITATE}
    if any(sign in folded for sign in _YES_SIGNS):
        found.add(Intent.YES)
    if any(sign in folded for sign in _NO_SIGNS):
        found.add(Intent.NO)
    if Intent.NO in found:
        found.discard(Intent.YES)
    if Intent.RECALL in found:
        found.discard(Intent.BOOK)
    if Intent.LEAVE_LIST in found:
        found -= {Intent.WAIT, Intent.CANCEL, Intent.REMOVE}
    if Intent.WAIT in found:
        found -= {Intent.CANCEL, Intent.HELP}
    if Intent.REFUSE_OFFER in found:
        found -= {Intent.TAKE_OFFER, Intent.REMOVE}
    return frozenset(found)


def pick_of(folded: str) -> int | None:
    """The place in a numbered list that the whole text names: "2", "2️⃣", "option 2", "o segundo"; -1 is the last one."""
    text = _NOT_TEXT.sub("", folded).strip()
    match = _PICK.fullmatch(text)
    if match:
        return int(match["number"])
    match = _PICK_WORD.fullmatch(text)
    if match:
        word = match["word"]
        return _ORDINAL_OF.get(word, _CARDINAL_OF.get(word))
    return None


def picks_of(folded: str) -> tuple[int, ...]:
    """The places in a numbered list that the whole text names: "1 and 3", "1,3", "um e dois". Empty if it does not."""
    match = _PICKS.fullmatch(_NOT_TEXT.sub("", folded).strip())
    if not match:
        return ()
    said = re.findall(_ONE_OF, match["numbers"])
    return tuple(dict.fromkeys(int(word) if word.isdigit() else _CARDINAL_OF[word] for word in said))
