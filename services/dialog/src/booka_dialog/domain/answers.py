"""What others answer: booking, payments and the clock. An answer to a question that is no longer open changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from booka_common.contracts import booking, payments, waitlist
from booka_dialog.domain import answers_booked, answers_booking, answers_paying, answers_waiting
from booka_dialog.domain.inputs import AnswerOverdue, Context, QuoteTimedOut
from booka_dialog.domain.questions import Moved
from booka_dialog.domain.session import Session

__all__ = ["on_answer"]

_ANSWERS: Mapping[type, Callable[[Any, Session, Context], Moved]] = {
    booking.AvailabilityFound: answers_booking.availability_found,
    booking.ReservationHeld: answers_booking.reservation_held,
    booking.HoldRefused: answers_booking.hold_refused,
    booking.ConfirmationRefused: answers_booking.confirmation_refused,
    booking.ReservationExpired: answers_booking.reservation_expired,
    booking.ReservationConfirmed: answers_booked.reservation_confirmed,
    booking.ReservationMoved: answers_booked.reservation_moved,
    booking.MoveRefused: answers_booked.move_refused,
    booking.CancellationQuoted: answers_booked.quoted,
    QuoteTimedOut: answers_booked.quote_timed_out,
    AnswerOverdue: answers_booked.answer_overdue,
    booking.ReservationCancelled: answers_booked.reservation_cancelled,
    booking.ReminderReady: answers_booked.reminder_ready,
    waitlist.WaitlistJoined: answers_waiting.joined,
    waitlist.WaitlistRefused: answers_waiting.refused,
    waitlist.WaitlistOffered: answers_waiting.offered,
    waitlist.WaitlistLeft: answers_waiting.left,
    payments.CheckoutOpened: answers_paying.checkout_opened,
    payments.CheckoutFailed: answers_paying.checkout_failed,
    payments.RefundSettled: answers_paying.refund_settled,
}


def on_answer(message: object, session: Session, ctx: Context) -> Moved:
    """Take an answer in. What it says about this conversation's reservations is always believed: booking decides."""
    answer = _ANSWERS.get(type(message))
    return answer(message, session, ctx) if answer else (session, ())
