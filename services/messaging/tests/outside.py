"""The sandbox, and a line of Evolution API in it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

#: Somebody who writes to the salon, and what the lines at the sandbox are opened with.
CLIENT = "351912345678"
KEY = "the-key-of-the-line-0123456789"


@dataclass
class Outside:
    """The sandbox, and one instance in it."""

    url: str
    http: httpx.AsyncClient
    name: str

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/_{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def is_now(self, state: str) -> None:
        await self.control("PUT", f"/evolution/instances/{self.name}", {"state": state})

    async def loses(self, text: str, ago: float = 0, number: str = "351912345678", **more: Any) -> str:
        """Somebody writes, and no webhook tells of it; `ago` in seconds."""
        order = {"text": text, "copies": 0, "timestamp": int(datetime.now(UTC).timestamp() - ago), **more}
        path = f"/evolution/instances/{self.name}/phones/{number}/messages"
        return str((await self.control("POST", path, order))["id"])

    async def fails(self, operation: str, **order: Any) -> None:
        fault = {"provider": "evolution", "operation": operation, "kind": "error_before", "status": 500, **order}
        await self.control("POST", "/faults", fault)
