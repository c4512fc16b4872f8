"""How what people of the salon look at finds its rows among very many: by an index, and few at a time.

Not single statements are looked at but what reading really runs, as the service's own role under row level security: PostgreSQL
itself hands out the plan of every statement, with the rows it went through (auto_explain).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_common.service import Service
from booka_common.testing.plugin import Migrated, run_async
from booka_common.testing.statements import Seen, judge, nodes, planned, rows_of
from booka_messaging.domain.searching import number_patterns, pattern
from booka_messaging.settings import SERVICE
from booka_messaging.store import reading
from booka_messaging.store.reading import Filters, Place, Wanted
from booka_messaging.usecases.reading import SEARCHED

from .talks import NEEDLE, NOW, Talks, fill

pytestmark = pytest.mark.timeout(600)

MESSAGES = 200_000
CONVERSATIONS = MESSAGES // 20
DAY = timedelta(days=1)
ROLE = "booka_messaging"
BIG = Talks(0)
SMALL = Talks(7)
#: Of a transaction that reads, and of one that changes something and then shows it.
OPENINGS = [reading.READING, "SET LOCAL plan_cache_mode = force_generic_plan"]
TABLES = frozenset({"messages", "conversations", "contacts", "contact_aliases"})


@pytest.fixture(scope="module")
def filled(migrated: Callable[[Service, str], Migrated]) -> str:
    url = migrated(SERVICE, "talks").migrate_url

    async def make() -> None:
        admin = await asyncpg.connect(url, command_timeout=300)
        try:
            await fill(admin, MESSAGES)
        finally:
            await admin.close()

    run_async(make)
    return url


Watch = Callable[..., AbstractAsyncContextManager[tuple[Tx, list[Seen]]]]


@pytest.fixture
async def watch(filled: str) -> AsyncIterator[Watch]:
    """`async with watch(talks) as (tx, seen)`: a transaction that reads, with the plan of all it did."""

    def watched(talks: Talks, opening: str = reading.READING) -> AbstractAsyncContextManager[tuple[Tx, list[Seen]]]:
        return planned(db, talks.tenant_id, role=ROLE, of=TABLES, opening=opening)

    async with Database(filled, SERVICE.name, pool_size=1, planner=SERVICE.planner) as db:
        yield watched


#: Rows for a page of 51: as many, what is left of the quarter of an hour in which it ends (45 of them), and the contact of each.
PAGE = 2 * (51 + 45)


async def page(tx: Tx, filters: Filters | None = None, after: Place | None = None, **how: Any) -> list[Place]:
    return await reading.page(
        tx, filters or Filters(), after=after, among=how.get("among"), limit=how.get("limit", 51), now=NOW
    )


async def test_a_page_reads_on_from_where_the_last_one_ended(watch: Watch) -> None:
    async with watch(BIG) as (tx, seen):
        places: list[Place] = []
        for number in range(1, 4):
            places += await page(tx, after=places[-1] if places else None)
            assert len(set(places)) == number * 51
        assert places == sorted(places, key=lambda place: (place.at, place.id.int), reverse=True)
    judge(seen, TABLES, PAGE)
    assert all(statement.indexes("conversations") == {"conversations_active"} for statement in seen)


@pytest.mark.parametrize("opening", OPENINGS)
async def test_what_there_is_to_be_seen_of_a_page(watch: Watch, opening: str) -> None:
    async with watch(BIG, opening) as (tx, seen):
        rows = await reading.conversation_rows(tx, [place.id for place in await page(tx)])
        assert len(rows) == 51
        assert all(row.last for row in rows)
    judge(seen[-1:], TABLES, 1500)
    assert seen[-1].indexes("messages") == {"messages_conversation"}


async def test_those_that_moved_while_pages_were_turned(watch: Watch) -> None:
    async with watch(BIG) as (tx, seen):
        after = (await page(tx))[-2]
        assert len(await reading.places_moved(tx, NOW - timedelta(minutes=10), after)) > 10
    judge(seen, TABLES, 20_000)  # a hundred of them write a tenth of everything: all of each one's messages
    assert seen[-1].indexes("conversations") == {"conversations_active"}
    assert seen[-1].indexes("messages") == {"messages_conversation"}


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        (Filters(since=NOW - DAY), PAGE),
        (Filters(until=NOW - DAY), PAGE),
        (Filters(since=NOW - 2 * DAY, until=NOW - DAY), PAGE),
        (Filters(channel_id=BIG.channel_id), PAGE),
        (Filters(unanswered=False), 800),
        (Filters(unanswered=True), 800),
        # What few have is looked for among all conversations: of a salon, and once.
        (Filters(attended=True), 3 * CONVERSATIONS),
        (Filters(blocked=True), 3 * CONVERSATIONS),
        (Filters(channel_id=UUID(int=1)), 3 * CONVERSATIONS),
    ],
)
async def test_filters(watch: Watch, filters: Filters, rows: int) -> None:
    async with watch(BIG) as (tx, seen):
        places = await page(tx, filters)
        assert len(places) == 51 or rows > CONVERSATIONS
        if places:
            await page(tx, filters, after=places[len(places) // 2])
    judge(seen, TABLES, rows)


@pytest.mark.parametrize("words", [NEEDLE, "conceicao", "98765-4321", "afternoon", "nowhere at all"])
async def test_words_are_looked_for_in_the_newest_messages_and_in_names(watch: Watch, words: str) -> None:
    async with watch(BIG) as (tx, seen):
        found = await reading.find(tx, pattern(words), number_patterns(words), until=NOW, newest=SEARCHED)
        places = await page(tx, among=list(found))
        assert len(places) <= 51
    # Each of the newest messages, each name and number, once; and each conversation in which something was found, twice.
    judge(seen, TABLES, SEARCHED + 4 * CONVERSATIONS)
    assert seen[0].indexes("messages") == {"messages_pkey"}
    scanned = [node for node in nodes(seen[0].plan) if node.get("Relation Name") == "messages"]
    assert sum(rows_of(node) for node in scanned) <= SEARCHED


async def test_a_small_salon_reads_its_own(watch: Watch) -> None:
    async with watch(SMALL) as (tx, seen):
        for words in (NEEDLE, "conceicao", "98765-4321", "afternoon"):
            found = await reading.find(tx, pattern(words), number_patterns(words), until=NOW, newest=SEARCHED)
            await page(tx, among=list(found))
        await page(tx, Filters(attended=True))
        await page(tx, after=(await page(tx))[-1])
        await reading.contacts(tx, Wanted(pattern("xyz"), ["%000000%"]), before=None, limit=51)
    judge(seen, TABLES, MESSAGES // 100 + 4 * CONVERSATIONS // 100)


async def test_messages_are_read_page_by_page(watch: Watch) -> None:
    busiest = BIG.conversation(0)
    async with watch(BIG) as (tx, seen):
        first = await reading.messages(tx, busiest, before=None, limit=51)
        second = await reading.messages(tx, busiest, before=first[-1].id, limit=51)
        assert len(first) == len(second) == 51
        assert len(await reading.news(tx, busiest, after=first[-1].id, besides=[first[0].id], limit=51)) == 49
        assert await reading.conversation_exists(tx, busiest)
    judge(seen, TABLES, 60)
    assert {name for statement in seen for name in statement.indexes("messages")} == {"messages_conversation"}


@pytest.mark.parametrize("opening", OPENINGS)
async def test_one_thing_is_found_by_its_id(watch: Watch, opening: str) -> None:
    async with watch(BIG, opening) as (tx, seen):
        (newest, *_) = await reading.messages(tx, BIG.conversation(3), before=None, limit=1)
        assert await reading.message(tx, newest.id)
        assert await reading.texts(tx, [newest.id, new_id()])
        assert await reading.contact(tx, BIG.conversation(3))
        assert await reading.reach(tx, BIG.conversation(3))
        assert await reading.contact(tx, new_id()) is None
    judge(seen, TABLES, 12)


async def test_people_are_read_page_by_page(watch: Watch) -> None:
    async with watch(BIG) as (tx, seen):
        rows = await reading.contacts(tx, Wanted(), before=None, limit=51)
        assert len(await reading.contacts(tx, Wanted(), before=rows[-1].id, limit=51)) == 51
    judge(seen, TABLES, 60)
    async with watch(BIG) as (tx, seen):
        assert await reading.contacts(tx, Wanted(pattern("conceicao")), before=None, limit=51)
        assert await reading.contacts(tx, Wanted(pattern("0790"), number_patterns("0790")), before=None, limit=51)
        await reading.contacts(tx, Wanted(blocked=True), before=None, limit=51)
    judge(seen, TABLES, 2 * CONVERSATIONS)
