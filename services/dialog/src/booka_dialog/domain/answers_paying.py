"""What payments says: where the deposit is paid, and what came back."""

from dataclasses import replace

from booka_common.contracts import payments
from booka_dialog.domain import templates
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved
from booka_dialog.domain.session import Held, Session
from booka_dialog.domain.voice import Voice

__all__ = ["checkout_failed", "checkout_opened", "refund_settled"]


def checkout_opened(message: payments.CheckoutOpened, session: Session, ctx: Context) -> Moved:
    """Tell the client where to pay."""
    held = _kept(message, session)
    if held is None or held.url == message.url:
        return session, ()
    voice = Voice.of(session, ctx)
    until = voice.formats.until(message.expires_at, ctx.now)
    told = Say(text=voice("deposit_link", amount=voice.formats.money(message.amount), until=until, url=message.url))
    held = replace(held, url=message.url, expires_at=message.expires_at, agreed=True)
    if session.held is None or session.held.reservation_id != held.reservation_id:
        return session.with_offer(held), (told,)
    state = "paying" if session.state in {"confirming", "paying", "confirm"} else session.state
    return replace(session, state=state, held=held, choices=() if state == "paying" else session.choices), (told,)


def checkout_failed(message: payments.CheckoutFailed, session: Session, ctx: Context) -> Moved:
    """There is no page to pay on."""
    held = _kept(message, session)
    if held is None or held.url:
        return session, ()
    voice = Voice.of(session, ctx)
    told = Say(text=voice("deposit_no_link", until=voice.formats.until(held.expires_at, ctx.now)), purpose="notice")
    if session.held is None or session.held.reservation_id != held.reservation_id:
        return session, (told,)
    return replace(session, state="paying", choices=()), (told,)


def _kept(message: payments.CheckoutOpened | payments.CheckoutFailed, session: Session) -> Held | None:
    if session.held is not None and session.held.reservation_id == message.reservation_id:
        return session.held
    return session.offered(message.reservation_id)


def refund_settled(message: payments.RefundSettled, session: Session, ctx: Context) -> Moved:
    """Money is on its way back."""
    voice = Voice.of(session, ctx)
    key = "refunded_unusable" if message.reason == "deposit_unusable" else "refunded"
    text, template = voice(key, amount=voice.formats.money(message.amount)), templates.refunded(message.amount, voice)
    return session, (Say(text=text, purpose="notice", template=template),)
