"""What the service says, one catalogue per language; dates and money by babel."""

from collections.abc import Mapping
from typing import Final

from booka_dialog.texts import en, pt
from booka_dialog.texts.formats import Formats, warm_formats
from booka_dialog.understanding import Language

__all__ = ["CATALOGUES", "Formats", "say", "warm_formats"]

CATALOGUES: Final[Mapping[Language, Mapping[str, str]]] = {"en": en.TEXTS, "pt": pt.TEXTS}


def say(language: Language, key: str, **values: object) -> str:
    """The text `key` in `language`."""
    return CATALOGUES[language][key].format(**values)
