"""The questions about confirmed visits and about the waiting list, and what their numbers stand for."""

from uuid import UUID

from booka_common.contracts.booking import Visit
from booka_common.money import Money
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Held, KnownVisit, Quote, Session
from booka_dialog.domain.voice import Voice, joined, numbered
from booka_dialog.domain.wishes import who_does_what
from booka_dialog.domain.wording import Asked, booked_lines

__all__ = [
    "cancel_visit",
    "cannot_move",
    "confirm_move",
    "instead_of",
    "listed_line",
    "offer",
    "offer_name",
    "replaced_visit",
    "stays_meanwhile",
    "waitlist",
    "what_is_booked",
    "which_entry",
    "which_move",
    "which_visit",
]


def which_visit(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Which visit to cancel."""
    return _which(session, voice, "ask_which_visit", "visit")


def which_move(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Which visit to move."""
    return _which(session, voice, "ask_which_move", "move")


def _which(session: Session, voice: Voice, key: str, kind: str) -> Asked:
    ahead = session.ahead
    lines = numbered(voice.visit("visit_line", known.visit) for known in ahead)
    return voice(key, list=lines), tuple(f"{kind}:{known.reservation_id}" for known in ahead)


def what_is_booked(session: Session, voice: Voice) -> str:
    """The visits ahead, and what can be done about them."""
    ahead = session.ahead
    if len(ahead) == 1:
        return voice.visit("done_help", ahead[0].visit)
    return voice("done_help_several", list="\n".join(voice.visit("visit_line", known.visit) for known in ahead))


def cancel_visit(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Whether to cancel, and what that would mean for the deposit."""
    known = session.known(session.target)
    if known is None:
        return voice("nothing_to_cancel"), ()
    quote = session.quote if session.quote and session.quote.reservation_id == known.reservation_id else None
    terms = _terms(quote, known, voice)
    text = voice.visit("ask_cancel_visit", known.visit, terms=f"\n{terms}" if terms else "")
    if quote is not None and not quote.movable:
        return text, ("yes", "no")
    return f"{text}\n{voice('ask_cancel_move')}", ("yes", "no", "move_instead")


def _terms(quote: Quote | None, known: KnownVisit, voice: Voice) -> str:
    formats = voice.formats
    if quote is None:
        return voice("terms_unknown") if known.deposit_paid else ""
    refund, kept = _minor(quote.refund), _minor(quote.kept)
    money = quote.refund or quote.kept
    if money is None or refund + kept == 0:
        return ""
    deposit = formats.money(Money(minor=refund + kept, currency=money.currency))
    ahead = quote.free_until if quote.free_until and quote.free_until > voice.now else None
    if not kept:
        until = voice("terms_until", until=formats.until(ahead, voice.now)) if ahead else ""
        return voice("terms_all", deposit=deposit, until=until)
    until = voice("terms_all_until", until=formats.until(quote.free_until, voice.now)) if quote.free_until else ""
    if not refund:
        return voice("terms_none", deposit=deposit, until=until)
    back = formats.money(Money(minor=refund, currency=money.currency))
    return voice("terms_part", refund=back, deposit=deposit, until=until)


def _minor(amount: Money | None) -> int:
    return amount.minor if amount else 0


def cannot_move(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """What to do with a visit that stays where it is."""
    known = session.known(session.target)
    if known is None:
        return voice("nothing_to_cancel"), ()
    return voice.visit("ask_cannot_move", known.visit), ("cancel_it", "no")


def confirm_move(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Whether to move the visit: from when to when."""
    known, chosen = session.known(session.moving), session.chosen
    if known is None or chosen is None:
        return voice("one_moment"), ()
    old = voice.visit("visit_when", known.visit)
    new = voice(
        "visit_when",
        day=voice.formats.day_of(chosen.start, voice.now),
        time=voice.formats.time(chosen.start),
        service="",
        staff="",
        city="",
    )
    what = booked_lines(known.visit.model_copy(update={"staff_names": chosen.staff_names}), voice)
    return voice("ask_confirm_move", what=what, old=old, new=new), ("yes", "no", "keep")


def waitlist(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Whether to wait for a time."""
    what = who_does_what(session, salon, voice)
    stays = stays_meanwhile(session, session.moving, voice)
    return voice("ask_waitlist", service=what, days=voice.days(session.when), stays=stays), ("yes", "no")


def stays_meanwhile(session: Session, replaces: UUID | None, voice: Voice) -> str:
    """That a visit stands until something better is taken; nothing if there is none that would move."""
    known = session.known(replaces)
    return "\n" + voice.visit("waitlist_stays", known.visit) if known else ""


def replaced_visit(session: Session, offered: Held) -> Visit | None:
    """The visit that would move to what is being offered, as it stands now."""
    if offered.replaces is None:
        return None
    known = session.known(offered.replaces.reservation_id)
    return known.visit if known else offered.replaces.visit


def instead_of(session: Session, offered: Held, voice: Voice) -> str:
    """Which visit would move to what is being offered; nothing if none would."""
    old = replaced_visit(session, offered)
    return "\n" + voice.visit("offer_instead", old) if old else ""


def which_entry(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Which place on the waiting list to give up."""
    lines = [listed_line(session, place, salon, voice) for place in range(len(session.listed))]
    choices = [f"entry:{entry.entry_id}" for entry in session.listed]
    return voice("ask_which_entry", list=numbered([*lines, voice("all_of_them")])), (*choices, "entry:all")


def listed_line(session: Session, place: int, salon: Salon, voice: Voice) -> str:
    """`Haircut, Friday, 27 November`."""
    entry = session.listed[place]
    names = joined(found.name for service_id in entry.service_ids if (found := salon.service(service_id)))
    days = voice.day_range(entry.first_day, entry.last_day)
    return f"{names}, {days}" if names else days


def offer(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Whether to take what has become free."""
    held = session.held
    if held is None:
        return voice("one_moment"), ()
    deposit = voice("summary_deposit", amount=voice.formats.money(held.deposit)) if held.deposit else ""
    text = voice.visit(
        "ask_offer",
        held.visit,
        what=booked_lines(held.visit, voice),
        price=voice.formats.money(held.visit.price),
        deposit=deposit,
        until=voice.formats.until(held.expires_at, voice.now),
        instead=instead_of(session, held, voice),
    )
    return text, ("yes", "no")


def offer_name(_session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Under which name to book what has become free."""
    return voice("ask_offer_name"), ()
