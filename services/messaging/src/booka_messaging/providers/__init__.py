"""The gateways that carry messages: one port, one adapter each."""
