"""What only the Cloud API has: codes, the window, clients without a number, answers that are not its usual ones."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from booka_messaging.domain.model import Alias
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.gateway import (
    Line,
    NotNow,
    OutcomeUnknown,
    Refused,
    Sent,
    Template,
)
from booka_sandbox.serving import free_socket, serving

from .outside import CLIENT, KEY
from .worlds import LONG, NAME, TO, CloudWorld, Sandbox


async def test_the_window_is_told_from_other_refusals(meta: CloudWorld) -> None:
    outcome = await meta.gateway.send_text(meta.line, TO, "Olá!")
    assert isinstance(outcome, Refused)
    assert outcome.code == "window_closed"
    template = Template("reminder", "pt_PT", (), "…")
    outcome = await meta.gateway.send_template(meta.line, TO, template)
    assert isinstance(outcome, Refused)
    assert outcome.code == "template_rejected"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (131026, Refused),
        (131049, Refused),
        (131050, Refused),
        (100, Refused),
        (130429, NotNow),
        (131056, NotNow),
        (80007, NotNow),
        (131048, NotNow),
        (190, NotNow),
        (131042, NotNow),
        (368, NotNow),
        (10, NotNow),
        (200, NotNow),
        (131000, OutcomeUnknown),
        (2, OutcomeUnknown),
    ],
)
async def test_codes_decide_and_not_the_status(sandbox: Sandbox, meta: CloudWorld, code: int, expected: type) -> None:
    await sandbox.fails("error_before", provider="cloud", code=code, status=400)
    outcome = await meta.gateway.send_text(meta.line, TO, "Olá!")
    assert isinstance(outcome, expected), outcome
    if isinstance(outcome, NotNow):
        assert outcome.line_down is (code in {190, 131042, 368, 10, 200})


async def test_a_client_without_a_number_is_written_to_by_user_id(sandbox: Sandbox, meta: CloudWorld) -> None:
    phone = await sandbox.control("PUT", f"/cloud/lines/{NAME}/phones/{CLIENT}", {"username": "@rui"})
    await meta.say("bom dia")
    user = Alias("bsuid", phone["user_id"])
    sent = await meta.gateway.send_text(meta.line, user, "Olá!")
    assert isinstance(sent, Sent)
    assert sent.aliases == (user,)
    nowhere = Line("http://127.0.0.1:9", NAME, KEY)
    assert isinstance(await meta.gateway.send_text(nowhere, Alias("lid", "77001122334455"), "Olá!"), Refused)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"error": {"code": 190, "error_data": {"details": f"Malformed access token {KEY}"}}}, NotNow),
        (400, {"error": {"code": 5, "is_transient": True}}, NotNow),
        (400, {"error": {"code": "190"}}, Refused),
        (400, {"error": []}, Refused),
        (403, "<html>", NotNow),
        (307, {}, Refused),
        (502, "<html>", OutcomeUnknown),
        (200, {"messages": []}, Sent),
        (200, "<html>", Sent),
    ],
)
async def test_answers_that_are_not_metas_usual_ones(status: int, body: Any, expected: type) -> None:
    app = FastAPI()

    @app.post("/v23.0/{line}/messages")
    async def answer() -> JSONResponse:
        return JSONResponse(body, status, {"location": "/elsewhere"} if status == 307 else None)

    async with serving(app, free_socket()) as url, Cloud(connect=LONG, total=LONG, connections=1) as gateway:
        outcome = await gateway.send_text(Line(f"{url}/v23.0", NAME, KEY), TO, "Olá!")
    assert isinstance(outcome, expected), outcome
    assert KEY not in repr(outcome)
