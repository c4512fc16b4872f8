"""Stripe Checkout and refunds through Stripe's SDK."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import httpx
import stripe

from booka_common.errors import NotConfigured
from booka_payments.domain import Checkout, CheckoutState, RefundSeen
from booka_payments.errors import ProviderRefused, ProviderUnavailable
from booka_payments.providers import CheckoutRequest, RefundRequest
from booka_payments.providers.stripe_amounts import from_stripe, to_stripe
from booka_payments.settings import Settings

if TYPE_CHECKING:
    from stripe.checkout import Session

__all__ = ["StripeProvider"]

_LOCALES = frozenset(
    {"bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id"}
    | {"it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th"}
    | {"tr", "vi", "zh", "zh-HK", "zh-TW"}
)
_UNSURE = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})


class StripeProvider:
    """The Stripe adapter. It opens no connection before the first call, and needs no key to exist.

    Retries are the job worker's: the SDK's own are off, so one attempt is one request.
    """

    name = "stripe"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: stripe.StripeClient | None = None
        self._http: stripe.HTTPXClient | None = None

    def missing(self) -> tuple[str, ...]:
        """The settings without which it cannot work."""
        needed = {"stripe_secret_key": self._key(), "stripe_webhook_secrets": self._settings.stripe_webhook_secrets}
        return tuple(Settings.variable(field) for field, value in needed.items() if not value)

    def _key(self) -> str:
        key = self._settings.stripe_secret_key
        return key.get_secret_value().strip() if key else ""

    def _api(self) -> stripe.StripeClient:
        if not self._key():
            raise _not_configured("set it to the secret key of the Stripe account")
        if self._client is None:
            timeout = self._settings.stripe_timeout_seconds
            self._http = stripe.HTTPXClient(timeout=httpx.Timeout(timeout, connect=min(2.0, timeout)))
            self._client = stripe.StripeClient(
                self._key(),
                base_addresses={"api": self._settings.stripe_api_base.rstrip("/")},
                http_client=self._http,
                max_network_retries=0,
            )
        return self._client

    def open(self) -> None:
        """Load what the SDK loads lazily, so that it does not stall the first client's payment page.

        Its log lines, two for every call, are left out below WARNING.
        """
        logging.getLogger("stripe").setLevel(logging.WARNING)
        if self._key():
            v1 = self._api().v1
            _ = v1.checkout.sessions, v1.refunds

    async def close(self) -> None:
        """Close its connections."""
        if self._http is not None:
            await self._http.close_async()  # type: ignore[no-untyped-call]
        self._client = self._http = None

    async def open_checkout(self, request: CheckoutRequest) -> Checkout:
        """See `Provider`. The metadata is on the payment too, so that its events and refunds can be told apart."""
        amount, currency = to_stripe(request.amount)
        metadata = {
            "tenant_id": str(request.tenant_id),
            "reservation_id": str(request.reservation_id),
            "transaction_id": str(request.transaction_id),
        }
        with _translated():
            session = await self._api().v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": str(request.reservation_id),
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency,
                                "unit_amount": amount,
                                "product_data": {"name": request.description},
                            },
                        }
                    ],
                    "metadata": metadata,
                    "payment_intent_data": {"metadata": metadata},
                    "locale": _locale(request.locale),
                    "submit_type": "book",
                    "expires_at": int(request.expires_at.timestamp()),
                    "success_url": self._settings.checkout_success_url,
                    "cancel_url": self._settings.checkout_cancel_url,
                },
                {"idempotency_key": request.idempotency_key},
            )
            return _checkout(session)

    async def read_checkout(self, session_id: str) -> Checkout:
        """See `Provider`."""
        with _translated():
            return _checkout(await self._api().v1.checkout.sessions.retrieve_async(session_id))

    async def expire_checkout(self, session_id: str) -> Checkout:
        """See `Provider`."""
        with _translated():
            return _checkout(await self._api().v1.checkout.sessions.expire_async(session_id))

    async def refund(self, request: RefundRequest) -> RefundSeen:
        """See `Provider`."""
        amount, _ = to_stripe(request.amount)
        with _translated():
            refund = await self._api().v1.refunds.create_async(
                {
                    "payment_intent": request.payment_intent,
                    "amount": amount,
                    "metadata": {
                        "tenant_id": str(request.tenant_id),
                        "transaction_id": str(request.transaction_id),
                        "refund_id": str(request.refund_id),
                    },
                },
                {"idempotency_key": request.idempotency_key},
            )
            return _refund(refund)

    async def list_refunds(self, payment_intent: str) -> list[RefundSeen]:
        """See `Provider`. A payment has a handful at most, so one page of 100 is all of them."""
        with _translated():
            page = await self._api().v1.refunds.list_async({"payment_intent": payment_intent, "limit": 100})
            return [_refund(refund) for refund in page.data]


def _locale(tag: str) -> Any:
    for candidate in (tag, tag.partition("-")[0]):
        if candidate in _LOCALES:
            return candidate
    return "auto"


def _not_configured(action: str) -> NotConfigured:
    return NotConfigured(Settings.variable("stripe_secret_key"), action)


@contextmanager
def _translated() -> Iterator[None]:
    """Stripe's errors as ours. Stripe's messages may quote the key, so those about the key are not passed on."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise _not_configured(
            f"Stripe does not accept it ({type(error).__name__}); check the key and its rights"
        ) from error
    except stripe.StripeError as error:
        status, code = error.http_status, error.code or type(error).__name__
        headers: Mapping[str, str] = error.headers or {}
        if status is not None and status >= 500 and headers.get("idempotent-replayed", "").lower() == "true":
            # Stripe keeps a failure under its key, too: the same request would get the same answer for a day.
            raise ProviderRefused("Stripe repeats an earlier failure", code="replayed_failure") from error
        unclear = isinstance(error, stripe.APIError | stripe.APIConnectionError | stripe.RateLimitError)
        if unclear or status is None or status >= 500 or status in {409, 429} or code in _UNSURE:
            raise ProviderUnavailable(f"Stripe: {code} (HTTP {status})") from error
        detail = f"Stripe: {error.user_message or code} (HTTP {status})"
        raise ProviderRefused(detail, code=code, param=getattr(error, "param", None)) from error


def _checkout(session: "Session") -> Checkout:
    metadata = _metadata(session)
    return Checkout(
        session_id=session.id,
        state=_state(session),
        amount=from_stripe(session.amount_total, session.currency),
        tenant_id=_uuid(metadata.get("tenant_id")),
        transaction_id=_uuid(metadata.get("transaction_id")),
        payment_intent=_id_of(getattr(session, "payment_intent", None)),
        url=getattr(session, "url", None),
        expires_at=datetime.fromtimestamp(session.expires_at, UTC) if getattr(session, "expires_at", None) else None,
    )


def _state(session: "Session") -> CheckoutState:
    if session.payment_status in {"paid", "no_payment_required"} and session.status == "complete":
        return "paid"
    states: dict[str | None, CheckoutState] = {"open": "open", "complete": "processing", "expired": "expired"}
    return states.get(session.status, "open")


def _refund(refund: stripe.Refund) -> RefundSeen:
    states: dict[str | None, Literal["pending", "succeeded", "failed"]] = {
        "succeeded": "succeeded",
        "failed": "failed",
        "canceled": "failed",
    }
    return RefundSeen(
        provider_ref=refund.id,
        refund_id=_uuid(_metadata(refund).get("refund_id")),
        amount=from_stripe(refund.amount, refund.currency),
        status=states.get(refund.status, "pending"),
        failure=getattr(refund, "failure_reason", None),
    )


def _metadata(thing: "Session | stripe.Refund") -> dict[str, Any]:
    found = getattr(thing, "metadata", None)
    if found is None:
        return {}
    # A StripeObject, which since version 15 of the SDK is not a dict.
    return dict(found.to_dict()) if isinstance(found, stripe.StripeObject) else dict(found)


def _id_of(value: Any) -> str | None:
    """A reference, which Stripe gives as an id or, expanded, as the object."""
    return value if value is None or isinstance(value, str) else str(value.id)


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
