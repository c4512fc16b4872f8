"""References to media: what was sent, and where the gateway keeps it. Never its content, keys or signed addresses."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from booka_messaging.domain.reading import fact, identifier, line, mapping

__all__ = ["Media", "is_to_be_heard", "media_of", "natural"]


@dataclass(frozen=True, slots=True)
class Media:
    """A medium at the gateway.

    Attributes:
        ref: what the gateway's download is asked for: Evolution's message id, the Cloud API's media id.
        mime_type: as the sender declares it; not to be trusted.
        bytes: its declared size.
        voice: recorded in the chat, not a file.
        sha256: of its content as the gateway tells it.
    """

    ref: str
    mime_type: str | None = None
    bytes: int | None = None
    seconds: int | None = None
    file_name: str | None = None
    voice: bool = False
    sha256: str | None = None

    def facts(self) -> dict[str, Any]:
        """For a message's metadata: what is known."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


def media_of(metadata: Mapping[str, Any]) -> Media | None:
    """The medium that a stored message's metadata refers to."""
    facts = mapping(metadata.get("media"))
    ref = identifier(facts.get("ref"))
    if ref is None:
        return None
    return Media(
        ref,
        mime_type=line(facts.get("mime_type"), 256) or None,
        bytes=natural(facts.get("bytes")),
        seconds=natural(facts.get("seconds")),
        file_name=line(facts.get("file_name"), 256) or None,
        voice=facts.get("voice") is True,
        sha256=line(facts.get("sha256"), 64) or None,
    )


def is_to_be_heard(kind: str, text: str, metadata: Mapping[str, Any]) -> bool:
    """Whether a message says nothing that can be read, and something that may be heard."""
    return kind == "audio" and not text.strip() and media_of(metadata) is not None


def natural(value: object) -> int | None:
    """A natural number as gateways write it: 9120, "9120", or `{low: 9120, high: 0}`."""
    if isinstance(value, Mapping):
        value = value.get("low")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    number = fact(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < 2**53:
        return None
    return int(number)
