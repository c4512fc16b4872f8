"""What may have to be said long after the client wrote, as approved templates: the names and words of the README's table."""

from booka_common.contracts.booking import Visit
from booka_common.contracts.messaging import TemplateUse
from booka_common.money import Money
from booka_dialog.domain.session import Held, Session
from booka_dialog.domain.voice import Voice, joined
from booka_dialog.domain.wording import booked_lines
from booka_dialog.domain.wording_booked import replaced_visit

__all__ = ["about_visit", "cancelled", "offer", "offer_of", "refunded"]


def about_visit(name: str, visit: Visit, voice: Voice) -> TemplateUse:
    """`{1}` what with whom, `{2}` the day, `{3}` the time."""
    return _use(voice, name, booked_lines(visit, voice), *voice.day_and_time(visit))


def cancelled(visit: Visit, voice: Voice, *, by_salon: bool) -> TemplateUse:
    """`{1}` what, `{2}` the day, `{3}` the time."""
    name = "visit_cancelled_by_salon" if by_salon else "visit_cancelled"
    return _use(voice, name, joined(visit.service_names), *voice.day_and_time(visit))


def offer(session: Session, voice: Voice) -> TemplateUse | None:
    """What is being offered from the waiting list."""
    return offer_of(session, session.held, voice) if session.held else None


def offer_of(session: Session, held: Held, voice: Voice) -> TemplateUse:
    """`{1}` what with whom, and in place of which visit if one would move there, `{2}` the day, `{3}` the time, `{4}` until when.

    One text for both, so that no salon lacks the approved one for the rarer.
    """
    what = booked_lines(held.visit, voice)
    old = replaced_visit(session, held)
    if old is not None:
        what = voice.visit("offer_in_place", old, what=what)
    until = voice.formats.until(held.expires_at, voice.now)
    return _use(voice, "waitlist_offer", what, *voice.day_and_time(held.visit), until)


def refunded(amount: Money, voice: Voice) -> TemplateUse:
    """`{1}` the amount."""
    return _use(voice, "deposit_refunded", voice.formats.money(amount))


def _use(voice: Voice, name: str, *words: str) -> TemplateUse:
    # Providers take neither line breaks nor marks for bold text in a gap.
    plain = tuple(", ".join(word.replace("*", "").split("\n")) for word in words)
    return TemplateUse(name=name, locale=voice.formats.locale.replace("_", "-"), parameters=plain)
