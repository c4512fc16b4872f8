"""What payments counts beyond what every service counts."""

from prometheus_client import CollectorRegistry, Counter

__all__ = ["PaymentMetrics"]


class PaymentMetrics:
    """The instruments of payments, in the registry of the service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter(
            "booka_payment_outcomes_total",
            "What reading back from a provider led to: paid, mismatch, expired, failed, waiting, repeated, refunds.",
            ["provider", "outcome"],
            registry=registry,
        )
        self.unmatched = Counter(
            "booka_payment_events_unmatched_total",
            "Verified provider events that belong to no transaction we know: a person has to look.",
            ["provider"],
            registry=registry,
        )
        self.secret_used = Counter(
            "booka_payment_webhook_secret_used_total",
            "Deliveries by the position of the secret that verified them; 0 is the current one.",
            ["provider", "position"],
            registry=registry,
        )
