# ruff: noqa: SIM905 - lists of words are easier to read and to extend as text
"""Which language a client clearly writes."""

from typing import Literal

from booka_dialog.understanding.words import tokens

__all__ = ["Language", "language_of"]

Language = Literal["en", "pt"]

_EN = frozenset(
    """hi hello hey good morning afternoon evening tomorrow today tonight thanks thank please yes yeah yep sure the
    with would like want need book booking appointment haircut next friday monday tuesday wednesday thursday
    saturday sunday after before at and for my is am can you could when how much time times week weekend month no
    not change actually instead anyone anybody cancel nails cut i'd i'm any have do does what are there free
    available later earlier early late noon day days in on of it this that me""".split()
)
_PT = frozenset(
    """oi ola bom boa dia tarde noite amanha hoje obrigado obrigada valeu favor sim nao com quero queria gostaria
    preciso marcar agendar horario corte cabelo unha unhas segunda terca quarta quinta sexta sabado domingo feira
    depois antes as para pra uma um meu minha sou pode voce voces quando quanto custa hora horas semana mes fim
    mudar trocar verdade qualquer pessoa cancelar tem proxima proximo que vem daqui dia dias de da na em o ate
    fazer tanto faz aqui tudo bem manha""".split()
)
_BOTH = frozenset({"as", "no", "do", "a", "me", "para", "um"})
_EN_ONLY, _PT_ONLY = _EN - _PT - _BOTH, _PT - _EN - _BOTH


def language_of(folded: str, names: frozenset[str]) -> Language | None:
    """The language of a text, or None if it does not say clearly.

    Args:
        names: words of the salon's own names, which are no evidence: a client who writes English may still say "corte".
    """
    words = [word for word in tokens(folded) if word not in names]
    english, portuguese = sum(word in _EN_ONLY for word in words), sum(word in _PT_ONLY for word in words)
    if english and not portuguese:
        return "en"
    if portuguese and not english:
        return "pt"
    if english >= 2 * portuguese and english >= 2:
        return "en"
    if portuguese >= 2 * english and portuguese >= 2:
        return "pt"
    return None
