"""What the salon's software asks to be sent, checked as the Cloud API checks it. Pure functions."""

import time
from typing import Any, NamedTuple

from booka_sandbox.cloud.errors import Refused
from booka_sandbox.cloud.state import Line, Message, new_message_id

Body = dict[str, Any]

MAX_TEXT = 4096
MAX_BODY = 1024
MAX_CALLBACK = 512


class Content(NamedTuple):
    """What the client sees: text, the choices below it, and what the message is billed as."""

    text: str
    choices: list[dict[str, str]]
    category: str = "service"


def message(line: Line, number: str, body: Body) -> Message:
    """The message that `body` asks for. Refused: the Cloud API would not take it."""
    kind = body.get("type", "text")
    content = body.get(kind) if isinstance(kind, str) else None
    if not isinstance(content, dict):
        raise Refused(131008, f"Parameter {kind} is missing")
    match kind:
        case "text":
            read = Content(_text(content, "body", MAX_TEXT), [])
        case "interactive":
            read = _interactive(content)
        case "template":
            read = _template(line, content)
        case _:
            raise Refused(131051, f"Message type {kind} is not supported here")
    return Message(
        id=new_message_id(),
        number=number,
        from_salon=True,
        text=read.text,
        timestamp=int(time.time()),
        type=kind,
        status="SERVER_ACK",
        category=read.category,
        callback=_callback(body),
        choices=read.choices,
    )


def _callback(body: Body) -> str | None:
    value = body.get("biz_opaque_callback_data")
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_CALLBACK:
        raise Refused(100, f"biz_opaque_callback_data must be a string of at most {MAX_CALLBACK} characters")
    return value


def _text(content: Body, name: str, longest: int) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused(131008, f"Parameter {name} is missing")
    if len(value) > longest:
        raise Refused(131009, f"{name} must be at most {longest} characters long")
    return value


def _object(content: Body, name: str) -> Body:
    value = content.get(name)
    if not isinstance(value, dict):
        raise Refused(131008, f"Parameter {name} is missing")
    return value


def _interactive(content: Body) -> Content:
    text = _text(_object(content, "body"), "text", MAX_BODY)
    action = _object(content, "action")
    if content.get("type") == "button":
        replies = [_object(button, "reply") for button in _some(action, "buttons", 3)]
        choices = [{"id": _text(r, "id", 256), "title": _text(r, "title", 20), "kind": "button"} for r in replies]
    elif content.get("type") == "list":
        _text(action, "button", 20)
        sections = _some(action, "sections", 10)
        rows = [row for section in sections for row in _some(section, "rows", 10)]
        if len(rows) > 10:
            raise Refused(131009, "Total row count exceed max allowed count: 10")
        for row in rows:
            if row.get("description") is not None:
                _text(row, "description", 72)
        choices = [{"id": _text(r, "id", 200), "title": _text(r, "title", 24), "kind": "list"} for r in rows]
    else:
        raise Refused(131009, "interactive type must be one of button, list")
    for name in ("id", "title"):
        if content["type"] == "button" and len({choice[name] for choice in choices}) < len(choices):
            raise Refused(131009, f"Duplicated {name} of reply buttons")
    return Content(text, choices)


def _some(content: Body, name: str, most: int) -> list[Body]:
    found = content.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise Refused(131008, f"Parameter {name} is missing")
    if len(found) > most:
        raise Refused(131009, f"{name}: at most {most}")
    return found


def _template(line: Line, content: Body) -> Content:
    name, language = _text(content, "name", 512), _text(_object(content, "language"), "code", 20)
    expected = line.templates.get(name, {}).get(language)
    if expected is None:
        raise Refused(132001, f"template name ({name}) does not exist in {language}")
    components = content.get("components") or []
    given: list[str] = []
    for component in components if isinstance(components, list) else []:
        if isinstance(component, dict) and component.get("type") == "body":
            given.extend(_text(parameter, "text", MAX_BODY) for parameter in component.get("parameters", []))
    if len(given) != expected:
        raise Refused(132000, f"body: number of localizable_params ({len(given)}) does not match ({expected})")
    return Content(" · ".join([f"[{name}]", *given]), [], "utility")
