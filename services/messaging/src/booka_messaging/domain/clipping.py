"""Texts that are longer than a provider takes, cut without leaving half a letter."""

import unicodedata
from collections.abc import Iterator

__all__ = ["clipped", "length"]

_ELLIPSIS = "…"
_JOINER = "\u200d"


def length(text: str) -> int:
    """Characters as UTF-16 counts them: whoever else counts characters finds no more of them. An emoji is two or more."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clipped(text: str, most: int) -> str:
    """`text` if it has at most `most` characters, else its beginning and an ellipsis; what is shown as one sign stays whole."""
    if length(text) <= most:
        return text
    kept, left = "", most - len(_ELLIPSIS)
    for sign in _signs(text):
        left -= length(sign)
        if left < 0:
            break
        kept += sign
    return kept.rstrip() + _ELLIPSIS


def _signs(text: str) -> Iterator[str]:
    """Letters with their accents, emoji with their colours and companions, flags."""
    sign = ""
    for character in text:
        if sign and not _belongs(sign, character):
            yield sign
            sign = ""
        sign += character
    if sign:
        yield sign


def _belongs(sign: str, character: str) -> bool:
    if character == _JOINER or sign[-1] == _JOINER:
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True  # a colour of skin; the letters of a flag such as Scotland's
    if _of_flag(character):
        return len(sign) == 1 and _of_flag(sign)
    return unicodedata.category(character) in ("Mn", "Me", "Mc")  # accents, and what chooses between text and picture


def _of_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
