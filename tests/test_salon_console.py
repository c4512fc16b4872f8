"""A person of the salon answers, in the console or on the salon's phone. Booka is silent, and then goes on where it was."""

import asyncio
from uuid import UUID

import httpx
import pytest

from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_common.testing import eventually
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

STUDIO = SalonPlan.studio(deposit=False).without_a_day_off()
GATEWAYS = ["evolution", "cloud"]


class Console:
    """What somebody at the salon can do over messaging's signed API."""

    def __init__(self, stack, salon) -> None:
        self._http = httpx.AsyncClient(
            base_url=stack.layout.url("messaging"), auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id)
        )

    async def get(self, path: str, **query):
        answer = await self._http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body=None, status: int = 200):
        answer = await self._http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def only(self):
        """The salon's only conversation."""
        (talk,) = (await self.get("/v1/conversations"))["items"]
        return talk

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def console_of(stack):
    """`console_of(salon)`."""
    opened: list[Console] = []

    def create(salon) -> Console:
        opened.append(Console(stack, salon))
        return opened[-1]

    yield create
    await asyncio.gather(*(console.close() for console in opened))


async def session(tables, salon) -> dict:
    """The dialog's session, without what changes with every turn that is counted."""
    (row,) = await tables.rows("SELECT state FROM dialog.sessions WHERE tenant_id = $1", salon.tenant_id)
    return row["state"]


async def silent(phone, tables, salon, text: str) -> None:
    """The client says something, all of Booka has heard it, and nobody answers."""
    before = await phone.heard()
    await phone.say(text)

    async def taken() -> bool:
        rows = "SELECT count(*) FROM messaging.messages WHERE tenant_id = $1 AND direction = 'in' AND text = $2"
        return bool(await tables.value(rows, salon.tenant_id, text))

    await eventually(taken)
    await tables.settled(salon.tenant_id)
    assert await phone.heard() == before


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_person_takes_over_in_the_console_and_hands_back(gateway, open_salon, new_phone, tables, console_of):
    salon = await open_salon(STUDIO, gateway=gateway)
    phone, console = new_phone(salon), console_of(salon)
    await walk(phone, to="when")
    before = await session(tables, salon)
    talk = await console.only()
    assert talk["contact"]["name"] == "Maria"
    path = f"/v1/conversations/{talk['id']}"

    written = await console.post(
        f"{path}/messages", {"text": "Hi, Ana here. Which day suits you?", "written_by": "Ana"}, 201
    )
    assert await phone.hear() == "Hi, Ana here. Which day suits you?"
    assert (await console.only())["attended"]["by"] == "console"
    await silent(phone, tables, salon, "Any day, really")
    await silent(phone, tables, salon, "tomorrow")
    assert await session(tables, salon) == before

    async def delivered() -> bool:
        return (await console.get(f"/v1/messages/{written['id']}"))["status"] in ("delivered", "read")

    await eventually(delivered)
    messages = (await console.get(f"{path}/messages", limit=3))["items"]
    assert [(one["author"], one["written_by"], one["text"]) for one in messages] == [
        ("client", None, "tomorrow"),
        ("client", None, "Any day, really"),
        ("salon", "Ana", "Hi, Ana here. Which day suits you?"),
    ]
    (found,) = (await console.get("/v1/conversations", q="really", unanswered="true"))["items"]
    assert (found["id"], found["unanswered"], found["match"]["snippet"]) == (talk["id"], 2, "Any day, really")

    assert (await console.post(f"{path}/hand-back"))["attended"] is None
    await tables.settled(salon.tenant_id)
    await walk(phone, since="when")
    assert "Booked!" in await agree(phone)
    assert len([text for text in await phone.heard() if "Ana here" in text]) == 1


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_person_types_on_the_salons_phone(gateway, open_salon, new_phone, tables, console_of):
    salon = await open_salon(STUDIO, gateway=gateway)
    phone, console = new_phone(salon), console_of(salon)
    await walk(phone, to="when")
    before = await session(tables, salon)
    await phone.say("Hello, it is Ana!", from_me=True)

    async def taken_over() -> bool:
        return (await console.only())["attended"] is not None

    await eventually(taken_over, timeout=30)
    talk = await console.only()
    assert (talk["attended"]["by"], talk["last_message"]["author"]) == ("phone", "salon")
    await silent(phone, tables, salon, "Oh hello Ana")
    assert await session(tables, salon) == before
    await console.post(f"/v1/conversations/{talk['id']}/hand-back")
    await tables.settled(salon.tenant_id)
    await walk(phone, since="when")
    assert "Booked!" in await agree(phone)


async def test_who_is_blocked_is_not_answered_and_who_is_forgotten_is_somebody_new(
    open_salon, new_phone, tables, console_of
):
    salon = await open_salon(STUDIO)
    phone, console = new_phone(salon), console_of(salon)
    await walk(phone, to="staff")
    talk = await console.only()
    person = f"/v1/contacts/{talk['contact']['id']}"
    await console.post(f"{person}/block")
    await silent(phone, tables, salon, "Ana")
    refused = await console.post(f"/v1/conversations/{talk['id']}/messages", {"text": "Hi", "written_by": "Ana"}, 409)
    assert refused["code"] == "contact_blocked"
    await console.post(f"{person}/unblock")
    exported = await console.get(f"{person}/export")
    assert [one["text"] for one in exported["messages"] if one["author"] == "client"] == ["hi", "haircut", "Ana"]
    await console.post(f"{person}/erase")
    await tables.settled(salon.tenant_id)
    assert await tables.value("SELECT count(*) FROM dialog.sessions WHERE tenant_id = $1", salon.tenant_id) in (0, 1)
    for table in ("messaging.messages", "dialog.turns"):
        rows = await tables.rows(f"SELECT * FROM {table} WHERE tenant_id = $1", salon.tenant_id)  # noqa: S608
        assert "haircut" not in str(rows), table
    assert "Which service" in await phone.ask("hi")
    talks = (await console.get("/v1/conversations"))["items"]
    assert len({one["contact"]["id"] for one in talks}) == 2


async def test_another_salons_console_sees_nothing(open_salon, new_phone, console_of):
    salon, other = await open_salon(STUDIO), await open_salon(STUDIO)
    await walk(new_phone(salon), to="service")
    talk = await console_of(salon).only()
    stranger = console_of(other)
    assert (await stranger.get("/v1/conversations", q="hi"))["items"] == []
    body = {"text": "Hi", "written_by": "Eve"}
    for id in (UUID(talk["id"]), new_id()):
        assert (await stranger.post(f"/v1/conversations/{id}/messages", body, 404))["code"] == "unknown_conversation"
