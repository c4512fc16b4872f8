"""Two conversations turn out to be with one client: what is known in both, and which of two talks goes on."""

from dataclasses import replace
from datetime import UTC, datetime

from booka_dialog.domain.session import AT_REST, Session

__all__ = ["joined"]

_NEVER = datetime.min.replace(tzinfo=UTC)


def joined(stays: Session, other: Session) -> Session:
    """`stays`, knowing what `other` knew; if nothing was being talked about there, or longer ago, with the talk of `other`."""
    theirs = _in_talk(other) and (not _in_talk(stays) or _touched(other) > _touched(stays))
    talk, rest = (other, stays) if theirs else (stays, other)
    newest = {one.reservation_id: one for one in sorted((*rest.visits, *talk.visits), key=lambda known: known.version)}
    both = replace(
        talk,
        conversation_id=stays.conversation_id,
        contact_id=stays.contact_id,
        contact_name=stays.contact_name or other.contact_name,
        phone=stays.phone or other.phone,
        language=talk.language or rest.language,
        greeted=stays.greeted or other.greeted,
        # Positions count what was said in one conversation: a list that was shown in the other cannot be tapped any more.
        shown_at=stays.shown_at if talk is stays else None,
        guest_name=talk.guest_name or (None if rest.for_other else rest.guest_name),
        releasing=talk.releasing or rest.releasing,
        listed=(*talk.listed, *(one for one in rest.listed if all(one.entry_id != it.entry_id for it in talk.listed))),
        visits=tuple(sorted(newest.values(), key=lambda known: known.visit.start)),
        touched_at=max(filter(None, (stays.touched_at, other.touched_at)), default=None),
    )
    for offer in rest.offers:
        if both.held is None or both.held.reservation_id != offer.reservation_id:
            both = both.with_offer(offer)
    # Who had only been greeted as somebody without a visit has one: "cancel" means that.
    return both.rested() if both.visits and not _in_talk(both) else both


def _in_talk(session: Session) -> bool:
    return session.state not in AT_REST and not session.untouched


def _touched(session: Session) -> datetime:
    return session.touched_at or _NEVER
