"""Writes docs/events.md, the catalogue of all messages, from the contracts and the topology. `--check` only compares."""

import sys
from collections.abc import Iterator
from datetime import date, time
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from booka_common import topology
from booka_common.contracts.envelope import Envelope, Message

EVENTS = Path(__file__).parent.parent / "docs" / "events.md"

_WORDS: dict[Any, str] = {
    UUID: "uuid",
    AwareDatetime: "instant",
    date: "date",
    time: "time",
    str: "text",
    int: "integer",
    bool: "true or false",
}

_INTRO = """# Messages

*Generated from `booka_common.contracts` and `booka_common.topology` by `make docs`; a test fails if it is out of date.*

Every message goes to the topic exchange `booka` under the routing key of its type, inside an [envelope](#envelope). A queue
belongs to one service and one type; what it cannot take goes to `<queue>.dlq` with the reason in the header
`x-booka-reason`. Delivery is at least once and in no guaranteed order: every consumer remembers the ids that it has seen, and
every message can be applied twice or late.

Contracts evolve by adding optional fields, and consumers ignore fields they do not know. A break is a new type with the next
version in its key; both are served for one release. Instants are RFC 3339 with an offset, money is an integer of minor units
with its currency, ids are UUIDs. Over AMQP: persistent, `content_type` application/json, `message_id` the envelope's id. The same
as AsyncAPI 3: `python -m booka_<service> asyncapi`.

| field | means everywhere |
| --- | --- |
| `conversation_id` | a client's talk with a salon, from messaging; null where a visit was not booked by chat |
| `contact_id` | the client, from messaging, whatever number or name the gateway uses |
| `reservation_id` | a visit, from booking, from its hold to its end |
| `transaction_id` | one attempt to collect a deposit, from payments |
| `request_id` | made by who asks and repeated in the answer; asked twice with the same, done once |
| `version` | of a reservation: grows by one with every change of its state or time |
| `revision` | of a snapshot: apply it only if it is newer than the one held |
"""


def render() -> str:
    """The whole document."""
    said = {message: service for service, messages in topology.SAYS.items() for message in messages}
    owners: dict[str, list[type[Message]]] = {}
    for message in sorted(said, key=lambda message: message.key):
        owners.setdefault(message.key.partition(".")[0], []).append(message)
    lines = [_INTRO, "| message | said by | heard by |", "| --- | --- | --- |"]
    for messages in owners.values():
        for message in messages:
            heard = ", ".join(entry.service for entry in _heard(message)) or "–"
            lines.append(f"| [`{message.key}`](#{message.__name__.lower()}) | {said[message]} | {heard} |")
    lines += ["", "## Envelope", "", _sentence(Envelope), "", *_table(Envelope)]
    for owner, messages in owners.items():
        lines += ["", f"## {owner}"]
        for message in messages:
            queues = ", ".join(f"`{entry.queue}`" for entry in _heard(message))
            heard = queues or "nobody yet; the outbox keeps it to be replayed"
            lines += [
                "",
                f"### {message.__name__}",
                "",
                f"`{message.key}` · said by {said[message]} · heard by {heard}",
                "",
                _sentence(message),
                "",
                *_table(message),
            ]
    lines += ["", "## Shared shapes"]
    for shape in sorted(_shapes(list(said)), key=lambda shape: (shape.__name__, shape.__module__)):
        lines += ["", f"### {shape.__name__}", "", _sentence(shape), "", *_table(shape)]
    return "\n".join(lines) + "\n"


def _heard(message: type[Message]) -> list[topology.Subscription]:
    return [topology.subscription(service, message) for service, heard in topology.HEARS.items() if message in heard]


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((getdoc(model) or "").split())


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | what it is |"
    yield "| --- | --- | --- |"
    for name, field in model.model_fields.items():
        what = [field.description] if field.description else []
        if not field.is_required() and field.default is not None:
            what.append(f"default {_literal(field.default)}")
        yield f"| `{name}` | {_word(field.annotation)}{_limits(field)} | {'; '.join(what)} |"


def _literal(value: Any) -> str:
    return "empty" if value == () else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _word(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, UnionType):
        return " or ".join([_word(part) for part in arguments if part is not NoneType] + ["null"])
    if origin is tuple:
        return f"list of {_word(arguments[0])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return "object, the message" if kind is Envelope.model_fields["data"].annotation else _word(arguments[0])


def _limits(field: FieldInfo) -> str:
    named = {
        "ge": "≥",
        "gt": ">",
        "le": "≤",
        "lt": "<",
        "min_length": "length ≥",
        "max_length": "length ≤",
        "pattern": "like",
    }
    found = []
    for item in field.metadata:
        for name, sign in named.items():
            if (limit := getattr(item, name, None)) is not None:
                found.append(f"{sign} {f'`{limit}`' if name == 'pattern' else limit}")
    return f", {', '.join(found)}" if found else ""


def _shapes(models: list[type[Any]]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    todo = list(models)
    while todo:
        kinds: list[Any] = [field.annotation for field in todo.pop().model_fields.values()]
        while kinds:
            kind = kinds.pop()
            kinds += get_args(kind)
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
                found.add(kind)
                todo.append(kind)
    return found


def main() -> int:
    """Write the file; with `--check`, exit with 1 if it is not what it would be."""
    if sys.argv[1:] == ["--check"]:
        if EVENTS.exists() and EVENTS.read_text("utf-8") == render():
            return 0
        sys.stderr.write("docs/events.md is out of date: run `make docs`\n")
        return 1
    EVENTS.write_text(render(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
