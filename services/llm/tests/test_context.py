"""A prompt holds this salon's settings and history and nobody else's, redacted and within limits."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.contracts.llm import Candidate, InterpretationRequested
from booka_common.ids import derived_id
from booka_llm.context import PROMPT_BYTES, TEXT_BYTES, ForeignContext, Remembered, build
from booka_llm.domain import TenantSettings, worst_case_tokens

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TENANT, STRANGER = (UUID(int=number) for number in (1, 2))
CONVERSATION, OTHER = (UUID(int=number) for number in (3, 4))

names = st.text(min_size=1, max_size=120)
texts = st.text(max_size=2048)


def request(text: str, services: list[str] | None = None, staff: list[str] | None = None) -> InterpretationRequested:
    return InterpretationRequested(
        request_id=UUID(int=5),
        conversation_id=CONVERSATION,
        text=text,
        question="service",
        locale="pt-BR",
        zone="America/Sao_Paulo",
        asked_at=NOW,
        services=tuple(Candidate(id=derived_id(TENANT, n), name=name) for n, name in enumerate(services or [])),
        staff=tuple(Candidate(id=derived_id(STRANGER, n), name=name) for n, name in enumerate(staff or [])),
    )


def remembered(*said: str, tenant_id: UUID = TENANT, conversation_id: UUID = CONVERSATION) -> list[Remembered]:
    return [Remembered(tenant_id, conversation_id, text) for text in said]


@given(texts, st.lists(texts, max_size=21), st.lists(names, max_size=120), st.lists(names, max_size=60))
def test_no_prompt_is_over_its_limits(text: str, said: list[str], services: list[str], staff: list[str]) -> None:
    settings = TenantSettings(TENANT, history_messages=20)
    prompt = build(settings, request(text, services, staff), remembered(*said))
    assert prompt.size <= PROMPT_BYTES
    assert len(prompt.text.encode()) <= TEXT_BYTES
    user = json.loads(prompt.user)
    assert user["text"] == prompt.text
    assert list(user["services"]) == list(prompt.services) == prompt.schema["properties"]["service_id"]["enum"][:-1]
    assert list(user["staff"]) == list(prompt.staff) == prompt.schema["properties"]["staff_id"]["enum"][:-1]
    assert worst_case_tokens(prompt.whole_size) > prompt.size


@pytest.mark.parametrize(("tenant_id", "conversation_id"), [(STRANGER, CONVERSATION), (TENANT, OTHER)])
def test_the_history_of_somebody_else_cannot_enter(tenant_id: UUID, conversation_id: UUID) -> None:
    mixed = [
        *remembered("meu segredo", tenant_id=tenant_id, conversation_id=conversation_id),
        *remembered("oi"),
    ]
    with pytest.raises(ForeignContext):
        build(TenantSettings(TENANT), request("corte"), mixed)


@given(st.integers(0, 20), st.integers(0, 21))
def test_the_last_messages_are_used_as_many_as_the_salon_wants(wanted: int, there: int) -> None:
    said = [f"mensagem {number}" for number in range(there)]
    prompt = build(TenantSettings(TENANT, history_messages=wanted), request("corte"), remembered(*said))
    assert json.loads(prompt.user)["before"] == (said[-wanted:] if wanted else [])


def test_the_message_itself_is_not_said_twice() -> None:
    prompt = build(TenantSettings(TENANT), request("quero corte"), remembered("oi", "quero corte"))
    assert json.loads(prompt.user)["before"] == ["oi"]


def test_text_and_history_are_redacted_and_no_id_is_sent() -> None:
    asked = request("me liga (11) 98765-4321", ["Corte"], ["Lívia"])
    prompt = build(TenantSettings(TENANT), asked, remembered("meu email é ana@example.com"))
    sent = prompt.system + prompt.user + json.dumps(prompt.schema)
    assert "98765" not in sent
    assert "ana@example.com" not in sent
    user = json.loads(prompt.user)
    assert user["text"] == "me liga <PHONE_1>"
    assert user["before"] == ["meu email é <EMAIL_1>"]
    for known in (TENANT, CONVERSATION, asked.request_id, asked.services[0].id, asked.staff[0].id):
        assert str(known) not in sent


def test_now_is_the_salon_s_own_time_and_an_unknown_zone_is_no_error() -> None:
    user = json.loads(build(TenantSettings(TENANT), request("corte"), []).user)
    assert user["now"] == "Monday 2026-03-02 09:00"
    odd = request("corte").model_copy(update={"zone": "../../etc/passwd"})
    assert json.loads(build(TenantSettings(TENANT), odd, []).user)["now"] == "Monday 2026-03-02 12:00"


def test_when_not_all_fit_the_services_that_the_text_names_stay() -> None:
    services = [f"Serviço especial de beleza número {number:03} com nome comprido" for number in range(150)]
    services.append("Depilação egípcia")
    prompt = build(TenantSettings(TENANT), request("quero uma depilacao", services), [])
    assert len(prompt.services) < 151
    assert "Depilação egípcia" in json.loads(prompt.user)["services"].values()
