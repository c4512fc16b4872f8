"""What clients send besides text, fetched from their gateway when somebody asks for it. Nothing of it is kept here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from booka_common.db import Database
from booka_common.errors import Gone, Unavailable, Unprocessable
from booka_common.sealing import Sealer
from booka_messaging.domain.media import Media, media_of
from booka_messaging.errors import NoMedia, UnknownMessage
from booka_messaging.providers.gateway import FetchOutcome, Gateway, Line, Medium, NotNow, Refused
from booka_messaging.store.media import find_medium
from booka_messaging.usecases.channels import api_key

__all__ = ["Attachment", "Attachments"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A medium in full, and what its message says of it."""

    medium: Medium
    media: Media


class Attachments:
    """Fetches media of messages, from where and as large as the adapters allow."""

    def __init__(
        self, db: Database, sealer: Sealer, gateways: Mapping[str, Gateway], registry: CollectorRegistry
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._gateways = gateways
        self._fetched = Counter(
            "booka_messaging_media_total",
            "Media asked for at gateways: fetched, away, or why not.",
            ["outcome"],
            registry=registry,
        )

    async def fetch(self, tenant_id: UUID, message_id: UUID) -> Attachment:
        """The medium of a message.

        Raises:
            UnknownMessage: none of this tenant.
            NoMedia: the message has none, or it was taken back.
            Gone: the gateway does not have it any more.
            Unprocessable: it is too large, of a type that is not handed on, or somewhere where nothing is fetched from.
            Unavailable: not now.
            NotConfigured: no encryption key opens the line's.
        """
        media, outcome = await self.ask(tenant_id, message_id)
        match outcome:
            case Medium():
                return Attachment(outcome, media)
            case NotNow(reason):
                raise Unavailable(f"the gateway does not give it now: {reason}", code="gateway_away")
            case Refused("media_gone", detail):
                raise Gone(detail, code="media_gone")
            case Refused(code, detail):
                raise Unprocessable(detail, code=code)
            case _:
                assert_never(outcome)

    async def ask(self, tenant_id: UUID, message_id: UUID) -> tuple[Media, FetchOutcome]:
        """What a message says of its medium, and what came of asking for it.

        Raises:
            UnknownMessage, NoMedia, NotConfigured: as above.
        """
        async with self._db.tx(tenant_id) as tx:
            kept = await find_medium(tx, message_id)
        if kept is None:
            raise UnknownMessage
        media = media_of(kept.metadata)
        if media is None or kept.deleted_at is not None:
            raise NoMedia
        if kept.line_deleted:
            return media, Refused("media_gone", "the channel was deleted")
        key = api_key(tenant_id, kept.channel_id, kept.api_key, self._sealer)
        line = Line(kept.base_url, kept.instance, key)
        outcome = await self._gateways[kept.gateway].fetch_media(line, media)
        self._fetched.labels(_label(outcome)).inc()
        return media, outcome


def _label(outcome: FetchOutcome) -> str:
    match outcome:
        case Medium():
            return "fetched"
        case NotNow():
            return "away"
        case Refused(code, _):
            return code.removeprefix("media_")
