"""The gateways that carry messages: one port, and one declaration of each kind."""
