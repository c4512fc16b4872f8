"""Reading one text: everything in it that the conversation can use, by rules alone."""

import re
from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

from rapidfuzz import fuzz, process

from booka_dialog.understanding.clock import Hours, hour_alone, read_hours
from booka_dialog.understanding.days import DAY_WORDS, NoDay, read_days
from booka_dialog.understanding.guests import Guest, read_guest
from booka_dialog.understanding.intents import ANYONE_WORDS, Intent, pick_of, picks_of, read_intents
from booka_dialog.understanding.language import Language, language_of
from booka_dialog.understanding.loose import loose_day
from booka_dialog.understanding.mentions import Mention, Names, read_mentions
from booka_dialog.understanding.when import When
from booka_dialog.understanding.words import Scan, fold, tokens

__all__ = ["Reading", "corrected_name", "guest_name", "read"]

_GREETINGS = re.compile(r"\b(?:good (?:morning|afternoon|evening|night|day)|bom dia|boa tarde|boa noite)\b")
_NO_HOUR = re.compile(r"(?<![\d/])(?:2[5-9]|[3-9]\d)(?: ?h\b|:[0-5]\d)")
_TRIED = re.compile(r"\d|week|month|semana|mes\b|day|dia|noite|night")
_NUMBER_LEFT = re.compile(r"(?<![\w:,.])(?P<number>\d{1,2})(?= *(?:$|[,.!?;]))")
_ONE_MORE = re.compile(r"\W*(?:and|e|plus|mais)\b|\W*\+")
_KNOWN = frozenset(DAY_WORDS)
_INTRODUCED = re.compile(
    r"^\W*(?:(?:hi|hello|oi|ola|yes|sim|no|nao|actually|na verdade)[,!. ]+)*"
    r"(?P<marker>(?:my|the) name(?:'s| is)|name(?:'s| is)?:?|it'?s(?: for)?|i'?m|i am|this is|call me|"
    r"under(?: the name(?: of)?)?|put(?: it)? under|for|"
    r"(?:o )?(?:meu )?nome(?: [eé])?:?|me chamo|eu sou|sou(?: a| o)?|aqui [eé](?: a| o)?|[eé] a|[eé] o|é|eh|"
    r"em nome d[aeo]|no nome d[aeo]|para a|para o|pode por|coloca)\s+",
    re.IGNORECASE,
)
_STARRED = re.compile(r"\s*(?:\*+\s*(?P<after>[^*]+)|(?P<before>[^*]+?)\s*\*+)\s*")
_CORRECTING = re.compile(
    r"^\s*(?:(?:sorry|oops|ops|desculp[ae]|perd[aã]o|i meant?|quis dizer|no|n[aã]o)[,!. ]+)+", re.IGNORECASE
)
_LONGEST_CORRECTION = 100
#: How alike two names are of which one is the other, mistyped.
_SAME_NAME = 60
_SEVERAL = re.compile(
    r"\b(?:for|para|pra) (?:me|mim|eu|myself) (?:and|e) (?:for |para |pra )?(?:my|our|a|o|meu|minha|mi\w+)\b|"
    r"\b(?:both|two|three|four|2|3|4) of us\b|\bfor us\b|"
    r"\b(?:para|pra) (?:nos|a gente)\b|\b(?:[2-9]|two|three|four|dois|duas|tres|quatro) (?:people|persons|pessoas)\b"
)
_COUNTED = re.compile(r"(?<![\w:/.])(?:[2-5]|two|three|four|five|dois|duas|tres|quatro|cinco) (?P<what>[^\W\d]+s)\b")
_POLITE = re.compile(r"[\s,.!]*(?:please|por favor|pls|pf|thanks|thank you|obrigad[oa])?[\s,.!]*$", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ '’.\-])*")
#: What begins like this, or denies something, is no name: "what is the total", "I'm not sure".
_SENTENCE = re.compile(
    r"(?:what|whats|what's|how|where|when|why|who|which|is|are|does|did|i|i'm|i'll|i'd|you|we|it|that|that's|this|there|please|"
    r"que|qual|quais|quanto|quanta|quantos|como|onde|quando|quem|porque|por que|tem|tenho|posso|preciso|quero|queria|vou|"
    r"voce|vc|eu|isso|isto)\b"
    r"|.*\b(?:not|nao|\w+n't)(?![\w'])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the rules found in a text.

    Attributes:
        text: as the client wrote it.
        mentions: the services in the order of the text, each with who is to do it if that is said.
        people: named for no service in particular; for each of them, who may be meant.
        pick: the place in the list shown last that the whole text names, -1 the last one.
        picks: several such places.
        several: it is for several people.
        guest: the visit is for somebody else.
        first: what the first word alone says, which is where a yes or no stands.
        no_day: a day is named on which nobody can come.
        whole_name: the text is nothing but a service's or somebody's name, so it could also be the client's own.
    """

    text: str = ""
    intents: frozenset[Intent] = frozenset()
    first: frozenset[Intent] = frozenset()
    mentions: tuple[Mention, ...] = ()
    people: tuple[tuple[UUID, ...], ...] = ()
    when: When | None = None
    no_day: NoDay | None = None
    pick: int | None = None
    picks: tuple[int, ...] = ()
    several: bool = False
    guest: Guest | None = None
    language: Language | None = None
    whole_name: bool = False

    @property
    def services(self) -> tuple[UUID, ...]:
        """Every service that may be meant."""
        return tuple(service_id for mention in self.mentions for service_id in mention.services)

    @property
    def staff(self) -> tuple[UUID, ...]:
        """Every person that may be meant."""
        return tuple(
            staff_id for staff in (*(mention.staff for mention in self.mentions), *self.people) for staff_id in staff
        )


def read(text: str, *, names: Names, today: date, language: Language, day_first: bool, asked_when: bool) -> Reading:
    """Read `text`.

    Args:
        today: the present day at the salon.
        language: of the conversation so far.
        day_first: whether 3/4 is 3 April.
        asked_when: the client was asked for a day, so that rarer wordings are worth a try.
    """
    whole = fold(text)
    guest, without = read_guest(text)
    folded = fold(without) if guest else whole
    pick = pick_of(folded)
    intents = read_intents(folded)
    spoken = language_of(whole, names.services.words | names.staff.words)
    if pick is not None:
        return Reading(pick=pick, intents=intents & {Intent.CANCEL}, language=spoken)
    scan = Scan(_GREETINGS.sub(" ", _corrected(folded, names)))
    when, no_day = _when(scan, today, day_first=day_first)
    if Intent.WHENEVER in intents and (when is None or not when.has_day):
        when = When(soon=True, start=when.start if when else None, end=when.end if when else None)
    tried = when is None and no_day is None and not _NO_HOUR.search(folded) and _TRIED.search(folded)
    if asked_when and tried:
        day = loose_day(folded, today, spoken or language, day_first=day_first)
        when = When(day=day) if day else None
    found = read_mentions(scan.rest, names, ANYONE_WORDS)
    if found.services and _ONE_MORE.match(folded) and Intent.PRICE not in intents:
        intents |= {Intent.ADD}
    said = set(tokens(folded))
    return Reading(
        text=text,
        intents=intents,
        first=read_intents(folded.partition(" ")[0]),
        mentions=found.services,
        people=found.people,
        when=when,
        no_day=no_day,
        picks=picks_of(folded),
        several=_for_several(whole, found.words),
        guest=guest,
        language=spoken,
        whole_name=bool(said) and said <= found.words,
    )


def guest_name(text: str) -> tuple[str, bool] | None:
    """The name in an answer to "what is your name?", and whether it was introduced as one ("I am …")."""
    stripped = " ".join(text.split())
    introduced = _INTRODUCED.match(stripped)
    candidate = _POLITE.sub("", stripped[introduced.end() :] if introduced else stripped).strip(" .,!;:-")
    if not 2 <= len(candidate) <= 60 or len(candidate.split()) > 6 or not _NAME.fullmatch(candidate):
        return None
    if _SENTENCE.match(fold(candidate)):
        return None
    return (candidate.title() if candidate.islower() or candidate.isupper() else candidate), introduced is not None


def corrected_name(text: str, known: str) -> str | None:
    """The name by which a text puts `known` right: "Maria*", "sorry, it's Maria"; None if it does not."""
    if len(text) > _LONGEST_CORRECTION:
        return None
    starred = _STARRED.fullmatch(text)
    found = guest_name((starred["after"] or starred["before"]) if starred else _CORRECTING.sub("", text, count=1))
    if found is None:
        return None
    alike = fuzz.ratio(fold(found[0]), fold(known)) >= _SAME_NAME
    return found[0] if starred or (alike and found[0] != known) else None


def _for_several(folded: str, names: frozenset[str]) -> bool:
    counted = any(match["what"] in names for match in _COUNTED.finditer(folded))
    return counted or _SEVERAL.search(folded) is not None


def _when(scan: Scan, today: date, *, day_first: bool) -> tuple[When | None, NoDay | None]:
    days = read_days(scan, today, day_first=day_first)
    hours = read_hours(scan)
    if isinstance(days, tuple) and not hours:
        number = scan.take(_NUMBER_LEFT)  # "tomorrow 3"
        at = hour_alone(int(number["number"])) if number else None
        hours = Hours(at, exact=True) if at else None
    no_day = None if isinstance(days, tuple) else days
    if not isinstance(days, tuple) and not hours:
        return None, no_day
    day, last = days if isinstance(days, tuple) else (None, None)
    start: time | None = hours.start if hours else None
    when = When(
        day=day,
        last_day=last if last != day else None,
        start=start,
        end=hours.end if hours else None,
        exact=bool(hours and hours.exact and start),
    )
    return when, no_day


def _corrected(folded: str, names: Names) -> str:
    """Mistyped days and months put right ("wensday", "sexat"), unless the salon has a name like that."""

    def correct(match: re.Match[str]) -> str:
        word = match[0]
        if len(word) < 5 or word in _KNOWN or word in names.services.words or word in names.staff.words:
            return word
        found = process.extractOne(word, DAY_WORDS, scorer=fuzz.ratio, score_cutoff=80)
        return found[0] if found and found[0][0] == word[0] else word

    return re.sub(r"[a-z]+", correct, folded)
