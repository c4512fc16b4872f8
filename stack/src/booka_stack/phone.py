"""A client's phone, seen from outside: it talks to the sandbox only, and hears what the sandbox's gateway was asked to send."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from booka_stack.wires import Gateway, control_path

__all__ = ["Phone", "Sandbox"]


class Sandbox:
    """The sandbox's control API and ledger.

    Args:
        url: where the sandbox listens.
    """

    def __init__(self, url: str) -> None:
        # A connection is given up long before the server would: a request on one that is being closed is lost.
        limits = httpx.Limits(max_connections=400, keepalive_expiry=2)
        self._http = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(65), limits=limits)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One control request; returns the parsed answer.

        Raises:
            httpx.HTTPStatusError: it was refused.
        """
        answer = await self._http.request(method, path, json=body, params=query or None)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{path}: {answer.status_code} {answer.text}", request=answer.request, response=answer
            )
        return answer.json() if answer.content else None

    async def ledger(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """All entries of a kind that match."""
        entries: list[dict[str, Any]] = []
        since = 0
        while True:
            page = await self.call("GET", "/_/ledger", kind=kind, since=since, limit=1000, **fields)
            entries += page["entries"]
            if len(page["entries"]) < 1000:
                return entries
            since = page["entries"][-1]["seq"]

    async def wait(self, kind: str, *, after: int = 0, timeout: float = 30, **fields: Any) -> dict[str, Any]:
        """The first entry past `after` that matches.

        Raises:
            TimeoutError: there was none within `timeout` seconds.
        """
        try:
            found: dict[str, Any] = await self.call("GET", "/_/wait", kind=kind, after=after, timeout=timeout, **fields)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 408:
                raise TimeoutError(f"no {kind} {fields} after {after} within {timeout} s") from None
            raise
        return found


@dataclass
class Phone:
    """One client in chat with one salon. Remembers how far it has read.

    Attributes:
        choices: what can be tapped below the message heard last.
    """

    sandbox: Sandbox
    instance: str
    number: str
    name: str = "Maria"
    gateway: Gateway = "evolution"
    read_up_to: int = 0
    choices: list[dict[str, str]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where the sandbox's control API has this phone."""
        return f"{control_path(self.gateway, self.instance)}/phones/{self.number}"

    async def say(self, text: str, **options: Any) -> dict[str, Any]:
        """Send a message to the salon; returns the sandbox's answer (id, after, and Evolution's key)."""
        body = {"text": text, "push_name": self.name, **options}
        sent: dict[str, Any] = await self.sandbox.call("POST", f"{self.path}/messages", body)
        return sent

    async def hear(self, timeout: float = 30) -> str:
        """The next message from the salon.

        Raises:
            TimeoutError: none came.
        """
        entry = await self.sandbox.wait(
            "message.sent", after=self.read_up_to, timeout=timeout, instance=self.instance, number=self.number
        )
        self.read_up_to = entry["seq"]
        self.choices = entry.get("choices", [])
        text: str = entry["text"]
        return text

    async def tap(self, choice: dict[str, str]) -> None:
        """Tap one of `choices`."""
        await self.say(choice["title"], kind=choice["kind"], choice_id=choice["id"])

    async def ask(self, text: str, timeout: float = 30, **options: Any) -> str:
        """Say something and wait for the answer."""
        await self.say(text, **options)
        return await self.hear(timeout)

    async def heard(self) -> list[str]:
        """Everything the salon has ever sent to this phone."""
        entries = await self.sandbox.ledger("message.sent", instance=self.instance, number=self.number)
        return [entry["text"] for entry in entries]
