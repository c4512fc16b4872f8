"""WhatsApp's Cloud API as its clients see it."""
