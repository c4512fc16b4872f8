"""Stripe's form encoding: `line_items[0][price_data][unit_amount]=2000` ↔ nested dicts and lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def decode(encoded: str) -> dict[str, Any]:
    """Nested parameters. Numbered keys become lists, in order; all leaves stay text."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head, bracket, tail = name.partition("[")
        path = [head, *_PART.findall(bracket + tail)]
        node = root
        for step, following in zip(path, [*path[1:], None], strict=True):
            key = step if step else str(len(node))
            if following is None:
                node[key] = value
            else:
                child = node.setdefault(key, {})
                node = child if isinstance(child, dict) else node.setdefault(f"{key}[]", {})
    return {key: _lists(value) for key, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(child) for key, child in value.items()}
