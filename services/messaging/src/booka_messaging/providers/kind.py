"""What Booka has to know of a kind of gateway, declared in one place for each: how its lines are ordered, how its webhooks prove
themselves, what they say, and how it is called. `registry` names those that there are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from booka_common.signing import MIN_SECRET_BYTES, SecretSet
from booka_messaging.domain.model import ChatEvent
from booka_messaging.errors import UnknownGateway
from booka_messaging.providers.gateway import Gateway, Line
from booka_messaging.providers.media import MediaLimits

__all__ = [
    "Calls",
    "Challenge",
    "Kind",
    "Known",
    "LineOrder",
    "Named",
    "Pace",
    "Proof",
    "Request",
    "Secret",
    "SharedApp",
    "Takeover",
    "webhook_path",
]

_Value = TypeVar("_Value")

#: All values of a header, or of a parameter of the query, by its lower-case name.
Named = Callable[[str], Sequence[str]]

Secret = Annotated[
    SecretStr, Field(max_length=512, description="visible ASCII, at least 24 bytes; for jwt at least 32")
]
Takeover = Annotated[
    int | None,
    Field(ge=1, le=43_200, description="Booka falls silent so long once a person types; null: until it is handed back"),
]
Pace = Annotated[int, Field(ge=1, le=60_000, description="what is sent on the line at most")]


def webhook_path(gateway: str, channel_id: UUID | None) -> str:
    """Where webhooks come: those of a channel, or those of the installation's own app at that gateway."""
    return f"/webhooks/{gateway}" + ("" if channel_id is None else f"/{channel_id}")


class Known(dict[str, _Value]):
    """Something of each kind of gateway, by its name in `channels.gateway`.

    A line may be of a kind that this version does not know, as after a rollback: `UnknownGateway`, and the other lines go on.
    """

    def __missing__(self, name: str) -> _Value:
        raise UnknownGateway(name)


@dataclass(frozen=True, slots=True)
class Calls:
    """How gateways are called; see `Connected`."""

    connect: timedelta
    total: timedelta
    connections: int
    media: MediaLimits = field(default_factory=MediaLimits)


class Request(BaseModel):
    """A body of which every name has to be known."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Proof:
    """How the webhooks of one line prove where they come from.

    Attributes:
        mode: one of the kind's `modes`.
        secret: what they are made with; None: those of the installation's own app.
        verify_token: what the gateway has to say when it asks whether the address is ours; of kinds that have a `challenge`.
    """

    mode: str
    secret: SecretStr | None
    verify_token: SecretStr | None = None


class LineOrder(Request, ABC):
    """A line as it is to be. Each kind says `gateway: Literal["<its name>"]`, and how its webhooks prove themselves."""

    gateway: str
    instance: str = Field(min_length=1, max_length=120, description="the gateway's name of the line")
    base_url: HttpUrl = Field(description="where the gateway's API is")
    api_key: SecretStr = Field(min_length=8, max_length=1024, description="the gateway's key or access token")
    active: bool = Field(True, description="False: its webhooks are not taken, and nothing is sent")
    takeover_minutes: Takeover = 120
    messages_per_minute: Pace = 1200
    show_typing: bool = Field(
        False, description="show the client that an answer is being written, where that is possible"
    )
    transcribe: bool = Field(False, description="have voice messages written down, if the installation can")

    @abstractmethod
    def proof(self) -> Proof:
        """How its webhooks prove themselves."""

    def check_address(self, base_url: str) -> None:
        """Refuse an address that the gateway's API cannot have.

        Args:
            base_url: an address without user, query, fragment and trailing slash.

        Raises:
            Invalid: `bad_base_url`.
        """


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a gateway asks whether an address is ours, by a GET of it, when somebody enters it there.

    Attributes:
        parameters: of the query.
        answer: what to answer, given the tokens that are ours and the query. Raises `Unauthenticated`, `NotConfigured`.
    """

    parameters: tuple[str, ...]
    answer: Callable[[SecretSet, Named], str]


class SharedApp(Protocol):
    """The installation's own app at a gateway, to whose one address come the webhooks of many salons' lines."""

    @property
    def mode(self) -> str:
        """How its webhooks prove themselves: one of the kind's `modes`."""
        ...

    @property
    def secrets(self) -> SecretSet:
        """What they are made with."""
        ...

    @property
    def verify_tokens(self) -> SecretSet:
        """For the question whether its address is ours."""
        ...

    def named_in(self, body: bytes) -> Collection[str]:
        """The lines that a body names which is no JSON object."""
        ...

    async def prove(self, gateway: Gateway, line: Line) -> None:
        """What arrives at the app for this line is to go to a salon: ask the gateway whether the line is theirs.

        Raises:
            Invalid: `bad_base_url`: who would be asked is not the gateway.
            Unprocessable: `line_refused`: the key does not reach the line.
            Unavailable: `gateway_away`: it cannot be asked.
        """
        ...


class Kind(ABC):
    """A kind of gateway.

    Attributes:
        name: in `channels.gateway` and in addresses: `/webhooks/<name>/{channel}`.
        title: what people call it.
        order: how a line of it is ordered.
        modes: the ways in which its webhooks may prove themselves.
        example: a webhook of it, for the OpenAPI document.
        event_in_path: its webhooks may come to `/webhooks/<name>/{channel}/{event}` as well.
        challenge: how it asks whether an address is ours, if it does.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[type[LineOrder]]
    modes: ClassVar[tuple[str, ...]]
    example: ClassVar[Mapping[str, Any]]
    event_in_path: ClassVar[bool] = False
    challenge: ClassVar[Challenge | None] = None

    @property
    def shared(self) -> SharedApp | None:
        """The installation's own app there, if the kind has such a thing."""
        return None

    @abstractmethod
    def gateway(self, calls: Calls) -> Gateway:
        """What calls it; its connections are open while that is entered."""

    @abstractmethod
    def authenticate(self, mode: str, secrets: SecretSet, headers: Named, body: bytes, now: datetime) -> int:
        """Check a webhook; return the index of the secret that it was made with, 0 being the current one.

        Args:
            body: the raw bytes as received.

        Raises:
            Unauthenticated: missing, repeated, malformed or wrong proof.
            NotConfigured: no usable secret.
        """

    def min_secret_bytes(self, mode: str) -> int:
        """The shortest secret for `mode`."""
        return MIN_SECRET_BYTES

    @abstractmethod
    def events(
        self, payload: Mapping[str, Any], instance: str, path_event: str | None, now: datetime
    ) -> tuple[ChatEvent, ...]:
        """What a webhook says of the line `instance`, at least one event: `Ignored` if there is nothing for us.

        Pure, and total: any JSON object gives events. A message that cannot be read is `Ignored(UNREADABLE)`, and kept.

        Raises:
            UnknownChannel: it is of another line.
        """

    def lines_of(self, payload: Mapping[str, Any]) -> tuple[str, ...]:
        """The lines that `payload` tells anything of; only of kinds whose webhooks may tell of several."""
        return ()

    def part_of(self, payload: Mapping[str, Any], instance: str) -> Mapping[str, Any]:
        """`payload` without what belongs to other lines, which may be other salons'; itself if nothing does."""
        return payload
