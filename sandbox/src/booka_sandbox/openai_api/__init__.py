"""Stand-in for an OpenAI-compatible chat model."""
