"""The broker's topology: the only place where an exchange or queue is named.

Code declares a queue's type and durability and nothing else; dead-lettering and limits are policies, because arguments
of a queue cannot be changed later and policies can. `definitions` renders all of it as a RabbitMQ definitions file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from booka_common.contracts import booking, llm, messaging, payments, scheduler, waitlist
from booka_common.contracts.envelope import Message

__all__ = [
    "DEAD_LETTERS_KEPT",
    "EXCHANGE",
    "HEARS",
    "SAYS",
    "Subscription",
    "dead_letter_queue",
    "definitions",
    "subscription",
    "subscriptions",
]

EXCHANGE = "booka"
#: They hold what people wrote, and an erasure does not reach them.
DEAD_LETTERS_KEPT = timedelta(days=30)

#: What each service consumes. Every entry is one queue.
HEARS: dict[str, tuple[type[Message], ...]] = {
    "messaging": (messaging.SendRequested,),
    "dialog": (
        messaging.MessageReceived,
        messaging.MessageFailed,
        messaging.ContactMerged,
        messaging.ContactErased,
        booking.CatalogueChanged,
        booking.AvailabilityFound,
        booking.ReservationHeld,
        booking.HoldRefused,
        booking.ConfirmationRefused,
        booking.ReservationConfirmed,
        booking.ReservationMoved,
        booking.MoveRefused,
        booking.CancellationQuoted,
        booking.ReservationCancelled,
        booking.ReservationExpired,
        booking.ReminderReady,
        waitlist.WaitlistJoined,
        waitlist.WaitlistRefused,
        waitlist.WaitlistOffered,
        waitlist.WaitlistLeft,
        payments.CheckoutOpened,
        payments.CheckoutFailed,
        payments.RefundSettled,
        llm.InterpretationReady,
        llm.InterpretationUnavailable,
        llm.LlmSettingsChanged,
    ),
    "booking": (
        booking.AvailabilityRequested,
        booking.HoldRequested,
        booking.ConfirmationRequested,
        booking.MoveRequested,
        booking.CancellationQuoteRequested,
        booking.CancellationRequested,
        waitlist.WaitlistRequested,
        waitlist.WaitlistLeaveRequested,
        payments.DepositPaid,
        scheduler.ReminderDue,
        messaging.ContactMerged,
        messaging.ContactErased,
    ),
    "payments": (
        booking.DepositDue,
        booking.ReservationExpired,
        booking.ReservationCancelled,
        booking.DepositUnusable,
    ),
    "llm": (llm.InterpretationRequested, llm.ContextGiven, messaging.ContactErased),
    "scheduler": (
        booking.ReservationConfirmed,
        booking.ReservationMoved,
        booking.ReservationCancelled,
    ),
}

#: What each service publishes: its own events, and commands that are addressed to other services.
SAYS: dict[str, tuple[type[Message], ...]] = {
    "messaging": (
        messaging.MessageReceived,
        messaging.MessageSent,
        messaging.MessageDelivered,
        messaging.MessageFailed,
        messaging.ConversationTakenOver,
        messaging.ConversationHandedBack,
        messaging.ChannelStateChanged,
        messaging.ChannelFellSilent,
        messaging.ContactMerged,
        messaging.ContactErased,
    ),
    "dialog": (
        messaging.SendRequested,
        booking.AvailabilityRequested,
        booking.HoldRequested,
        booking.ConfirmationRequested,
        booking.MoveRequested,
        booking.CancellationQuoteRequested,
        booking.CancellationRequested,
        waitlist.WaitlistRequested,
        waitlist.WaitlistLeaveRequested,
        llm.InterpretationRequested,
        llm.ContextGiven,
    ),
    "booking": (
        booking.CatalogueChanged,
        booking.AvailabilityFound,
        booking.ReservationHeld,
        booking.HoldRefused,
        booking.ConfirmationRefused,
        booking.DepositDue,
        booking.ReservationConfirmed,
        booking.ReservationMoved,
        booking.MoveRefused,
        booking.CancellationQuoted,
        booking.ReservationCancelled,
        booking.ReservationExpired,
        booking.ReservationFinished,
        booking.DepositUnusable,
        booking.ReminderReady,
        waitlist.WaitlistJoined,
        waitlist.WaitlistRefused,
        waitlist.WaitlistOffered,
        waitlist.WaitlistLeft,
    ),
    "payments": (
        payments.CheckoutOpened,
        payments.CheckoutFailed,
        payments.DepositPaid,
        payments.RefundSettled,
        payments.MismatchFound,
    ),
    "llm": (llm.InterpretationReady, llm.InterpretationUnavailable, llm.LlmSettingsChanged),
    "scheduler": (scheduler.ReminderDue,),
}

#: Published for later services: nobody consumes these yet, so the broker drops them; outboxes keep them to be replayed.
UNHEARD: tuple[type[Message], ...] = (
    messaging.MessageSent,
    messaging.MessageDelivered,
    messaging.ConversationTakenOver,
    messaging.ConversationHandedBack,
    messaging.ChannelStateChanged,
    messaging.ChannelFellSilent,
    payments.MismatchFound,
    booking.ReservationFinished,
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One queue of one service, bound to one routing key."""

    service: str
    message: type[Message]

    @property
    def queue(self) -> str:
        """`dialog` hearing `messaging.message.received.v1` -> `dialog.message-received`."""
        kind, _ = self.message.type_and_version()
        return f"{self.service}.{kind.partition('.')[2].replace('.', '-')}"


def subscription(service: str, message: type[Message]) -> Subscription:
    """The queue through which `service` hears `message`.

    Raises:
        LookupError: the topology does not say so.
    """
    if message not in HEARS[service]:
        raise LookupError(f"{service} does not hear {message.key}: add it to booka_common.topology.HEARS")
    return Subscription(service, message)


def subscriptions(service: str) -> tuple[Subscription, ...]:
    """Every queue of `service`."""
    return tuple(Subscription(service, message) for message in HEARS[service])


def dead_letter_queue(queue: str) -> str:
    """Where what `queue` could not take ends up."""
    return f"{queue}.dlq"


def definitions(services: Iterable[str], *, vhost: str | None = None) -> dict[str, Any]:
    """The RabbitMQ definitions (exchange, queues, bindings, policies) of `services`.

    Args:
        vhost: set it for `load_definitions` of a whole broker; None renders the form that is imported into one vhost.
    """
    at = {} if vhost is None else {"vhost": vhost}
    queues: list[dict[str, Any]] = []
    bindings: list[dict[str, Any]] = []
    policies: list[dict[str, Any]] = []

    def add(queue: str, key: str | None) -> None:
        queues.append(
            {**at, "name": queue, "durable": True, "auto_delete": False, "arguments": {"x-queue-type": "quorum"}}
        )
        if key is not None:
            bindings.append(
                {
                    **at,
                    "source": EXCHANGE,
                    "destination": queue,
                    "destination_type": "queue",
                    "routing_key": key,
                    "arguments": {},
                }
            )

    def limit(queue: str, **definition: object) -> None:
        pattern = "^" + queue.replace(".", "\\.") + "$"
        policies.append(
            {**at, "name": queue, "pattern": pattern, "apply-to": "queues", "priority": 0, "definition": definition}
        )

    names = tuple(services)
    for service in names:
        for entry in subscriptions(service):
            dlq = dead_letter_queue(entry.queue)
            add(entry.queue, entry.message.key)
            add(dlq, None)
            limit(
                entry.queue,
                **{
                    "dead-letter-exchange": "",
                    "dead-letter-routing-key": dlq,
                    "dead-letter-strategy": "at-least-once",
                    "overflow": "reject-publish",
                    "max-length": 1_000_000,
                    "delivery-limit": 50,
                },
            )
            limit(dlq, **{"message-ttl": int(DEAD_LETTERS_KEPT.total_seconds() * 1000)})
    return {
        **({} if vhost is None else {"vhosts": [{"name": vhost}]}),
        "exchanges": [
            {
                **at,
                "name": EXCHANGE,
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "queues": queues,
        "bindings": bindings,
        "policies": policies,
    }
