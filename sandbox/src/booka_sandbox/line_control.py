"""The control routes that both gateways' lines have: keep back, let phones speak, look at a phone."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, field_validator

from booka_sandbox.lines import Line, Order, digits
from booka_sandbox.screens import changes


class Said(BaseModel):
    """Body of POST …/phones/{number}/messages, as far as the gateways do not differ."""

    model_config = ConfigDict(extra="forbid")
    kinds: ClassVar[tuple[str, ...]]

    text: str = ""
    push_name: str | None = None
    id: str | None = None
    timestamp: int | None = Field(default=None, description="unix seconds; default now")
    kind: str = "text"
    choice_id: str | None = None
    media: Base64Bytes | None = Field(default=None, description="the bytes of an audio, image …; a few by default")
    mime_type: str | None = Field(default=None, description="what they are declared to be")
    from_me: bool = Field(
        default=False, description="a person at the salon typed it on the salon's phone, or in its app"
    )
    copies: int = Field(default=1, ge=0, le=1000, description="deliver the same webhook so many times concurrently")
    delay: float = Field(default=0.0, ge=0, description="seconds before the webhook leaves")

    @field_validator("kind")
    @classmethod
    def known(cls, kind: str) -> str:
        """Only kinds a phone can send."""
        if kind not in cls.kinds:
            raise ValueError(f"one of {', '.join(cls.kinds)}")
        return kind

    def how(self) -> dict[str, Any]:
        """Keyword arguments of the gateway's `say`."""
        told = self.model_dump(exclude={"number", "text", "id", "media"})
        return {"message_id": self.id, "media": self.media, **told}


class Release(BaseModel):
    """Body of POST …/release, as far as the gateways do not differ."""

    model_config = ConfigDict(extra="forbid")

    order: Order = "said"
    copies: int = Field(default=1, ge=1, le=1000)


L = TypeVar("L", bound=Line[Any, Any])


def number_of(text: str) -> str:
    """The digits of a phone number; 422 if it cannot be one."""
    number = digits(text)
    if not 7 <= len(number) <= 15:
        raise HTTPException(422, "a phone number has 7 to 15 digits")
    return number


def add_line_routes(routes: APIRouter, path: str, line_of: Callable[[str], L], read: Callable[[L, Any], int]) -> None:
    """The routes below one line.

    Args:
        path: of the line, with `{name}` in it.
        line_of: the line of that name, or 404.
        read: what happens when the owner of a phone reads; returns how many messages were new.
    """

    @routes.post(f"{path}/hold", status_code=204)
    async def hold(name: str) -> None:
        line_of(name).hold()

    @routes.get(f"{path}/phones/{{number}}/messages")
    async def conversation(name: str, number: str) -> list[dict[str, Any]]:
        phone = line_of(name).phones.get(number_of(number))
        return [m.for_phone() for m in phone.messages] if phone else []

    @routes.post(f"{path}/phones/{{number}}/read")
    async def read_all(name: str, number: str) -> dict[str, int]:
        line = line_of(name)
        return {"read": read(line, line.phone(number_of(number)))}

    @routes.get(f"{path}/phones/{{number}}/stream", response_class=StreamingResponse)
    async def stream(name: str, number: str) -> StreamingResponse:
        phone = line_of(name).phone(number_of(number))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(changes(phone), media_type="text/event-stream", headers=headers)
