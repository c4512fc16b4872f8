"""The console's side of the service over HTTP, where every refusal has to be documented in the route's OpenAPI."""

import re
from typing import Any

import httpx

IN_PATH = re.compile(r"\{(\w+)\}")


async def check_refusals(http: httpx.AsyncClient) -> None:
    """From now on a refusal that its route does not tell of fails the test."""
    paths = (await http.get("/openapi.json")).json()["paths"]

    async def check(answer: httpx.Response) -> None:
        if answer.is_error and answer.request.url.path.startswith("/v1"):
            await answer.aread()
            documented(paths, answer)

    http.event_hooks = {"response": [check]}


def documented(paths: dict[str, Any], answer: httpx.Response) -> None:
    """Fails if the answer is a refusal that the route does not tell of."""
    path, method = answer.request.url.path, answer.request.method.lower()
    for template, methods in paths.items():
        if method not in methods or not re.fullmatch(IN_PATH.sub("[^/]+", template), path):
            continue
        told = methods[method]["responses"].get(str(answer.status_code), {})
        code = answer.json()["code"]
        assert f"`{code}`" in told.get("description", ""), (
            f"{answer.request.method} {template}: {code} is not documented"
        )


async def post(salon: Any, path: str, body: Any = None, **headers: str) -> httpx.Response:
    answer: httpx.Response = await salon.http.post(path, json=body, auth=salon.auth, headers=headers)
    return answer


async def talk(salon: Any) -> dict[str, Any]:
    view: dict[str, Any] = await salon.get(f"/v1/conversations/{await salon.conversation()}")
    return view


def say(text: str = "Já vejo isso", **more: Any) -> dict[str, Any]:
    return {"text": text, "written_by": "Ana", **more}
