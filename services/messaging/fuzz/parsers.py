"""Coverage-guided fuzzing of what reads the gateways' webhooks: `make fuzz`, or `make fuzz SECONDS=600`.

Every input is read twice: as the JSON text of a body, and as a recipe from which a body is built out of the words that gateways
use, so that the search does not have to find `remoteJidAlt` letter by letter. Whatever comes of it must be an event and never an
exception, and what would be stored must be fit for the database and for the contract. What is told of one line must be the same
whether it is read alone or with all others; and of a secret, wherever it stands, nothing may be left in what is kept.

atheris is not a dependency (it exists for few platforms); `make fuzz` brings it for the run.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from booka_common.contracts.messaging import MessageReceived

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SEEDS = Path(__file__).with_name("seeds.json")
_NOBODY = UUID(int=0)
_DEEPEST = 12
#: A body of which more came was cut off.
_MOST_EVENTS = 5000
#: With what JSON and addresses spell in ways of their own.
_SECRET = 'pa"ss/wörd ✂ 1'  # noqa: S105 - nobody's


class Target:
    """The parsers and the words with which they can be reached."""

    def __init__(self) -> None:
        # Imported here: atheris measures what is imported while it instruments.
        self._evolution = import_module("booka_messaging.domain.evolution")
        self._cloud = import_module("booka_messaging.domain.cloud")
        self._media = import_module("booka_messaging.domain.media")
        self._model = import_module("booka_messaging.domain.model")
        self._bodies = import_module("booka_messaging.domain.bodies")
        self._redaction = import_module("booka_messaging.domain.redaction")
        self.secret = _SECRET
        self.seeds: list[dict[str, Any]] = json.loads(SEEDS.read_text("utf-8"))
        names: set[str] = set()
        words: set[str] = {"", "\x00", "\ud83d", "{}", '{"id":"1"}', "1" * 200}
        words |= {
            _SECRET,
            f"a{_SECRET}b",
            json.dumps({"text": f"{_SECRET}{_SECRET}"}),
            quote(_SECRET),
            f"token={_SECRET[:5]}",
        }
        for seed in self.seeds:
            _collect(seed, names, words)
        self.names, self.words = sorted(names), sorted(words)

    def __call__(self, data: bytes) -> None:
        """Read one input in every way.

        Raises:
            Exception: a parser raised, or made something unfit: a finding.
        """
        self._kept(data)
        for payload in self._payloads(data):
            self._kept(json.dumps(payload).encode())
            self._apart(payload)
            events = [*self._evolution.read(payload, NOW), *(one.event for one in self._cloud.read(payload, NOW))]
            stored = self._evolution.read_stored(payload, NOW)
            for event in (*events, *([] if stored is None else [stored])):
                self._check(event)

    def _kept(self, body: bytes) -> None:
        """What is kept of a body that cannot be read holds no secret, and is JSON if the body is."""
        kept = self._redaction.redact(body, [_SECRET])
        spellings = {_SECRET, quote(_SECRET), *(json.dumps(_SECRET, ensure_ascii=how)[1:-1] for how in (True, False))}
        if any(spelling.encode() in kept for spelling in spellings):
            raise AssertionError(f"a secret is left: {kept!r}")
        try:
            before = self._bodies.parse(body)
        except self._bodies.UnreadableBody:
            return
        if len(self._bodies.parse(kept)) > len(before):
            raise AssertionError(f"no longer what it was: {kept!r}")

    def _apart(self, payload: dict[str, Any]) -> None:
        """Each line's part of a body of the Cloud API tells the same as the whole of it does."""
        told = self._cloud.read(payload, NOW)
        if len(told) >= _MOST_EVENTS:
            return
        for line in self._cloud.lines_of(payload):
            mine = [one.event for one in told if one.line_id == line]
            for read in (payload, self._cloud.part_of(payload, line)):
                if list(self._cloud.read_for(read, line, NOW)) != mine:
                    raise AssertionError(f"line {line!r} is told something else when it is read alone")

    def _payloads(self, data: bytes) -> Iterator[dict[str, Any]]:
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            yield parsed
        if data:
            seed = self.seeds[data[0] % len(self.seeds)]
            yield self._grafted(seed, iter(data[1:]))

    def _grafted(self, seed: dict[str, Any], recipe: Iterator[int]) -> dict[str, Any]:
        """A copy of `seed` in which the recipe replaces values, wherever it says so."""

        def walk(value: Any, depth: int) -> Any:
            choice = next(recipe, 255)
            if choice < 16:
                return self._built(recipe, depth)
            if isinstance(value, dict):
                copied = {name: walk(inner, depth + 1) for name, inner in value.items()}
                if choice < 32:
                    copied[self._name(recipe)] = self._built(recipe, depth + 1)
                return copied
            if isinstance(value, list):
                return [walk(inner, depth + 1) for inner in value] * (2 if choice < 32 else 1)
            return value

        return {name: walk(value, 1) for name, value in seed.items()}

    def _built(self, recipe: Iterator[int], depth: int) -> Any:
        kind = next(recipe, 0) % 12
        if depth > _DEEPEST and kind >= 9:
            kind = 0
        match kind:
            case 0:
                return None
            case 1:
                return next(recipe, 0) % 2 == 0
            case 2:
                return int.from_bytes(bytes(next(recipe, 0) for _ in range(next(recipe, 0) % 10)), "big") - 128
            case 3:
                return (float("nan"), float("inf"), 1e300, 0.5)[next(recipe, 0) % 4]
            case 4 | 5 | 6:
                return self.words[(next(recipe, 0) * 256 + next(recipe, 0)) % len(self.words)]
            case 7:
                return self._name(recipe)
            case 8:
                return "".join(chr(next(recipe, 0) * 256 + next(recipe, 0)) for _ in range(next(recipe, 0) % 8))
            case 9:
                return [self._built(recipe, depth + 1) for _ in range(next(recipe, 0) % 4)]
            case _:
                count = next(recipe, 0) % 5
                return {self._name(recipe): self._built(recipe, depth + 1) for _ in range(count)}

    def _name(self, recipe: Iterator[int]) -> str:
        return self.names[next(recipe, 0) % len(self.names)]

    def _check(self, event: Any) -> None:
        model = self._model
        if not isinstance(event, model.ChatMessage):
            if not isinstance(event, model.Receipt | model.ConnectionChanged | model.Ignored):
                raise AssertionError(f"not an event: {event!r}")  # noqa: TRY004 - a finding, not a misuse
            return
        stored = orjson.dumps(event.metadata)
        received = MessageReceived(
            message_id=_NOBODY,
            conversation_id=_NOBODY,
            contact_id=_NOBODY,
            turn=1,
            kind=event.kind,
            text=event.text,
            choice_id=event.choice_id,
            contact_name=event.name,
            phone=model.phone_of(event.aliases),
            sent_at=event.sent_at,
        )
        self._media.media_of(event.metadata)
        fit = b"\\u0000" not in stored + received.model_dump_json().encode() and len(stored) < 20_000
        if not (fit and event.aliases and 1 <= len(event.provider_id) <= 128 and event.sent_at <= NOW):
            raise AssertionError(f"unfit to be stored: {event!r}")


def _collect(value: Any, names: set[str], words: set[str]) -> None:
    if isinstance(value, dict):
        names.update(value)
        for inner in value.values():
            _collect(inner, names, words)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, names, words)
    elif isinstance(value, str):
        words.add(value)


def main(seconds: int) -> None:
    """Fuzz for that long; a finding ends the process with an error and leaves its input beside this file as `crash-…`."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["booka_messaging.domain"]):
        target = Target()
    with TemporaryDirectory(prefix="booka-fuzz-") as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(json.dumps(seed).encode())
            (Path(corpus) / f"recipe-{number}").write_bytes(bytes([number, *range(40)]))
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-print_final_stats=1"]
        options += [f"-artifact_prefix={Path(__file__).parent}/", corpus]
        atheris.Setup([sys.argv[0], *options], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
