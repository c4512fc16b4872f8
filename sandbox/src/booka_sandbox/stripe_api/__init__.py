"""Stand-in for Stripe: Checkout, payment intents, refunds, events."""
