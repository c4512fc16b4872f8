"""Personal data out of a text before it is stored or sent: e-mail addresses, links, cards, phones, long numbers.

What is left says what was there: `<PHONE_1>`. Equal finds in one text get the same placeholder. Dates and times stay,
they are what a booking is about. Names stay too: no pattern tells them from the name of a service.
"""

import re
import unicodedata
from collections.abc import Callable

import phonenumbers

__all__ = ["redact", "region_of_locale", "region_of_phone", "truncate"]

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>\"',;()]{1,64}@[^\s@<>\"',;()]{1,255}")
_CARD = re.compile(r"(?<!\d)\d(?:[ .\-]?\d){12,18}(?!\d)")
_RUN = re.compile(r"\+?\(?\d(?:[ .\-()/]{0,2}\d){6,}")
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-/.])(?:{_DAY}/{_DAY}|{_DAY}[/.-]{_DAY}[/.-](?:(?:19|20)\d\d|\d\d)"
    rf"|(?:19|20)\d\d-[01]?\d-{_DAY})(?![-/.]?\d)"
)
_FEWEST_DIGITS = 7


class _Placeholders:
    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = {}

    def of(self, kind: str, found: str) -> str:
        known = self._seen.setdefault(kind, {})
        return known.setdefault(found, f"<{kind}_{len(known) + 1}>")

    def replacing(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda match: self.of(kind, match[0])


def redact(text: str, region: str | None = None) -> str:
    """`text` without personal data. What was redacted once is not changed by doing so again.

    Args:
        region: ISO 3166 code of the country whose national phone formats are expected.
    """
    text = _plain(text)
    names = _Placeholders()
    text = _LINK.sub(names.replacing("LINK"), text)
    text = _EMAIL.sub(names.replacing("EMAIL"), text)
    if sum(character.isdigit() for character in text) < _FEWEST_DIGITS:
        return text
    text = _CARD.sub(lambda match: names.of("CARD", match[0]) if _luhn(match[0]) else match[0], text)
    text = _without_phones(text, region, names)
    return _without_long_numbers(text, names)


def _plain(text: str) -> str:
    # Full-width digits become digits, and nothing invisible can split a number in two.
    folded = unicodedata.normalize("NFKC", text)
    return "".join(" " if character in "\n\r\t" else character for character in folded if _visible(character))


def _visible(character: str) -> bool:
    return character in "\n\r\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _luhn(candidate: str) -> bool:
    digits = [int(character) for character in reversed(candidate) if character.isdigit()]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _without_phones(text: str, region: str | None, names: _Placeholders) -> str:
    parts, end = [], 0
    for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
        found = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        parts += [text[end : match.start], names.of("PHONE", found)]
        end = match.end
    return "".join([*parts, text[end:]])


def _without_long_numbers(text: str, names: _Placeholders) -> str:
    parts, end = [], 0
    for date in _DATE.finditer(text):
        parts += [_RUN.sub(names.replacing("NUMBER"), text[end : date.start()]), date[0]]
        end = date.end()
    return "".join([*parts, _RUN.sub(names.replacing("NUMBER"), text[end:])])


def region_of_locale(locale: str) -> str | None:
    """`pt-BR` -> `BR`; None where the tag names no country."""
    country = locale.replace("_", "-").rpartition("-")[2].upper()
    return country if country in phonenumbers.SUPPORTED_REGIONS else None


def region_of_phone(phone: str | None) -> str | None:
    """The country of an E.164 number, None if there is none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) if phone else None
    except phonenumbers.NumberParseException:
        return None


def truncate(text: str, most_bytes: int) -> str:
    """The beginning of `text` that fits into `most_bytes` of UTF-8, without half characters. Redact first."""
    raw = text.encode()
    return text if len(raw) <= most_bytes else raw[:most_bytes].decode(errors="ignore")
