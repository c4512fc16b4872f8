"""Dates, times and money in the client's language."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_time, get_timezone_location
from babel.numbers import format_currency, get_currency_precision

from booka_common.money import Money
from booka_dialog.understanding import Language

__all__ = ["Formats", "warm_formats"]

_DEFAULT = {"en": "en_GB", "pt": "pt_BR"}


@dataclass(frozen=True, slots=True)
class Formats:
    """How one client is told days, times and amounts.

    Attributes:
        locale: babel's name of the locale, e.g. `pt_BR`.
        zone: the salon's time zone; every instant is told in it.
    """

    locale: str
    zone: ZoneInfo

    @classmethod
    def of(cls, language: Language, salon_locale: str, zone: ZoneInfo) -> "Formats":
        """The salon's own locale if the client writes the salon's language, else the language's usual one."""
        tag = salon_locale.replace("-", "_")
        same = tag.partition("_")[0].lower() == language and "_" in tag
        return cls(tag if same and _parses(tag) else _DEFAULT[language], zone)

    def day(self, day: date, today: date) -> str:
        """`Friday, 27 November`; with the year if it is not this one."""
        if self.locale == "pt_BR":
            pattern = "EEEE, d 'de' MMMM"
            year = " 'de' y"
        elif self.locale == "en_US":
            pattern, year = "EEEE, MMMM d", ", y"
        else:
            pattern, year = "EEEE, d MMMM", " y"
        return format_date(day, pattern + (year if day.year != today.year else ""), locale=self.locale)

    def time(self, at: datetime) -> str:
        """`15:00`, or `3:00 PM` in the United States."""
        local = at.astimezone(self.zone)
        pattern = "h:mm a" if self.locale == "en_US" else "HH:mm"
        return _plain(format_time(local, pattern, tzinfo=self.zone, locale=self.locale))

    def minute(self, of_day: int) -> str:
        """A minute of the day, 0 to 1440, as a time."""
        return self.time(datetime.combine(date(2000, 1, 1), time(of_day // 60 % 24, of_day % 60), self.zone))

    def day_of(self, at: datetime, now: datetime) -> str:
        """The day of an instant."""
        return self.day(at.astimezone(self.zone).date(), now.astimezone(self.zone).date())

    def until(self, at: datetime, now: datetime) -> str:
        """`15:40` today, `Friday, 27 November, 15:40` otherwise."""
        same = at.astimezone(self.zone).date() == now.astimezone(self.zone).date()
        return self.time(at) if same else f"{self.day_of(at, now)}, {self.time(at)}"

    def city(self) -> str:
        """The city that names the time zone: `São Paulo`."""
        return str(get_timezone_location(self.zone, locale=self.locale, return_city=True))

    def money(self, amount: Money) -> str:
        """`R$ 80,00`, `R$80.00`."""
        value = Decimal(amount.minor).scaleb(-get_currency_precision(amount.currency))
        return _plain(format_currency(value, amount.currency, locale=self.locale))


def warm_formats(now: datetime) -> None:
    """Have babel load its locales now rather than in a client's first turn (some 100 ms)."""
    for locale in _DEFAULT.values():
        formats = Formats(locale, ZoneInfo("America/Sao_Paulo"))
        formats.until(now, now)
        formats.day_of(now, now)
        formats.city()
        formats.money(Money(minor=1, currency="BRL"))


def _parses(tag: str) -> bool:
    try:
        Locale.parse(tag)
    except (ValueError, LookupError):
        return False
    return True


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")
