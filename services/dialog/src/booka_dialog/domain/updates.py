"""What a text changes in the slots, checked against the catalogue and against what is already known."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from booka_dialog.domain.inputs import Context
from booka_dialog.domain.session import Session
from booka_dialog.domain.windows import same_day
from booka_dialog.understanding import Intent, Reading, When

__all__ = ["Update", "updated"]

_ANYONE_ASKED = frozenset({"staff"})
_WHENEVER_ASKED = frozenset({"when", "slot", "searching", "idle", "service", "staff"})


@dataclass(frozen=True, slots=True)
class Update:
    """A session after what a text said about its slots.

    Attributes:
        changed: something is different now.
        touched: the text spoke of a slot, be it to say the same again.
        among_services, among_staff: several are equally likely: the client has to say which.
    """

    session: Session
    changed: bool = False
    touched: bool = False
    among_services: tuple[str, ...] = ()
    among_staff: tuple[str, ...] = ()


def updated(session: Session, reading: Reading, ctx: Context) -> Update:
    """Fill the slots with what `reading` found; later words replace earlier ones."""
    update = _service(Update(session), reading)
    update = _staff(update, reading, ctx)
    return _when(update, reading, ctx)


def _changed(update: Update, session: Session) -> Update:
    return replace(update, session=session, changed=True, touched=True)


def _service(update: Update, reading: Reading) -> Update:
    found = reading.services
    if not found:
        return update
    if update.session.service_id in found:
        return replace(update, touched=True)
    if len(found) > 1:
        return replace(update, touched=True, among_services=tuple(f"service:{service_id}" for service_id in found))
    return _changed(update, replace(update.session, service_id=found[0]))


def _staff(update: Update, reading: Reading, ctx: Context) -> Update:
    session = update.session
    found = reading.staff
    if ctx.salon and session.service_id and len(found) > 1:
        performers = {person.staff_id for person in ctx.salon.performers(session.service_id)}
        found = tuple(staff_id for staff_id in found if staff_id in performers) or found
    if not found:
        about_time = reading.when is not None or session.state in {"when", "slot"}
        if (Intent.ANYONE in reading.intents and not about_time) or (
            Intent.ANYONE in reading.intents and session.state in _ANYONE_ASKED
        ):
            same = session.any_staff
            return (
                replace(update, touched=True)
                if same
                else _changed(update, replace(session, any_staff=True, staff_id=None, staff_implied=False))
            )
        return update
    if session.staff_id in found:
        return replace(update, touched=True)
    if len(found) > 1:
        return replace(update, touched=True, among_staff=tuple(f"staff:{staff_id}" for staff_id in found))
    return _changed(update, replace(session, staff_id=found[0], staff_implied=False, any_staff=False))


def _when(update: Update, reading: Reading, ctx: Context) -> Update:
    session, new = update.session, reading.when
    if new is None and Intent.ANYONE in reading.intents and session.state == "when":
        new = When(soon=True)  # "tanto faz", asked for a day
    if new is None:
        return update
    if new.soon and session.state not in _WHENEVER_ASKED:
        return update
    if session.held is not None and _same_as_held(session, new):
        return replace(update, touched=True)
    if not new.has_day and ctx.salon and session.slots:
        # "after 4" about a list of one day means that day.
        day = same_day(session.slots, ctx.salon.zone)
        if day is not None:
            new = replace(new, day=day)
    if not new.has_day and session.held is not None and ctx.salon:
        new = replace(new, day=session.held.visit.start.astimezone(ctx.salon.zone).date())
    when = session.when.updated(new)
    if when == session.when and not session.later_than:
        return replace(update, touched=True)
    return _changed(update, replace(session, when=when, later_than=None))


def _same_as_held(session: Session, new: When) -> bool:
    """Whether a wish only repeats the time that is held: "yes, friday at 3"."""
    held = session.held
    if held is None or new.soon:
        return False
    local = held.visit.start.astimezone(ZoneInfo(held.visit.zone))
    if new.day is not None and not new.day <= local.date() <= (new.last_day or new.day):
        return False
    if new.exact:
        return new.start == local.time()
    return (new.start is None or local.time() >= new.start) and (new.end is None or local.time() < new.end)
