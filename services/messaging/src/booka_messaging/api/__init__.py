"""HTTP: webhooks of the gateways, and the signed internal API."""
