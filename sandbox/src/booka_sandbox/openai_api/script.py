"""What the model says: scripted replies first, else an empty reading that fits the requested JSON schema."""

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reply:
    """One scripted reply. `match` is searched in the last user message (case-insensitive)."""

    match: str
    reply: Any
    usage: dict[str, int] = field(default_factory=dict)
    delay: float = 0.0
    status: int = 200
    times: int | None = None
    refusal: str | None = None
    finish_reason: str = "stop"


class Script:
    """Replies in the order of use: the newest matching one wins."""

    def __init__(self) -> None:
        self._replies: list[Reply] = []

    def add(self, replies: list[Reply]) -> None:
        """Append replies."""
        self._replies.extend(replies)

    def clear(self) -> None:
        """Back to the default reading."""
        self._replies.clear()

    def __len__(self) -> int:
        return len(self._replies)

    def take(self, text: str) -> Reply | None:
        """The reply for a user message, using it up when it has a number of `times`."""
        for reply in reversed(self._replies):
            if re.search(reply.match, text, re.IGNORECASE | re.DOTALL):
                if reply.times is not None:
                    reply.times -= 1
                    if reply.times <= 0:
                        self._replies.remove(reply)
                return reply
        return None


def empty_reading(schema: dict[str, Any]) -> Any:
    """The least committal value that satisfies a JSON schema: null where allowed, intent "other"."""
    return _fill(schema, schema.get("$defs") or schema.get("definitions") or {})


def _fill(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _fill(definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), definitions)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _choice(schema["enum"])
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            options = schema[union]
            if any(option.get("type") == "null" for option in options):
                return None
            return _fill(options[0], definitions)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if kind == "object" or "properties" in schema:
        return {name: _fill(child, definitions) for name, child in (schema.get("properties") or {}).items()}
    if kind == "number" or kind == "integer":
        return schema.get("minimum", 0)
    return {"string": "", "boolean": False, "array": []}.get(str(kind))


def _choice(options: list[Any]) -> Any:
    for wanted in (None, "other", "unknown", "none"):
        if wanted in options:
            return wanted
    return options[-1]
