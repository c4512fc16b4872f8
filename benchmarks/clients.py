"""Clients of salons who book a visit by chatting and cancel it again, over and over."""

import asyncio
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import httpx
import orjson

from benchmarks.wire import Gateway, Line
from booka_common.internal import SignedAuth
from booka_stack.layout import Layout
from booka_stack.salon import Salon, SalonPlan, provision

__all__ = ["CONVERSATION", "Chair", "Phones", "open_chairs", "webhook"]

#: What a client says, and a piece of what the salon answers: from "hi" to the confirmed visit, and out of it again.
CONVERSATION = (
    ("hi", "Which service"),
    ("haircut", "who would you like"),
    ("{staff}", "When would you like"),
    ("tomorrow", "free times"),  # dialog asks booking
    ("1", "under Maria"),  # dialog asks booking: held
    ("1", "Shall I book it?"),
    ("yes", "Booked!"),  # dialog asks booking: confirmed; scheduler plans reminders
    ("cancel", "Shall I cancel"),
    ("yes", "is cancelled"),  # dialog asks booking: cancelled; scheduler drops the reminders
)

_ALL_WEEK = {day: [{"opens": "08:00", "closes": "20:00"}] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
#: Two people do haircuts in the salon of the plan, so two clients at a time find the calendar they ask for free.
_STAFF = ("Ana", "Beatriz")


@dataclass(frozen=True)
class Chair:
    """Where one client at a time books: one person of one salon."""

    instance: str
    path: str
    secret: bytes
    staff: str


async def open_chairs(layout: Layout, gateway_url: str, count: int) -> list[Chair]:
    """As many salons as it takes, whose channels send to `gateway_url`."""
    plan = SalonPlan.studio(deposit=False)
    plan = replace(plan, profile={**plan.profile, "hours": _ALL_WEEK})
    chairs: list[Chair] = []
    while len(chairs) < count:
        salon = await provision(layout, uuid4(), plan)
        secret = secrets.token_urlsafe(32)
        await _reroute(layout, salon, gateway_url, secret)
        path = f"/webhooks/evolution/{salon.channel_id}"
        chairs += [Chair(salon.instance, path, secret.encode(), staff) for staff in _STAFF]
    return chairs[:count]


async def _reroute(layout: Layout, salon: Salon, gateway_url: str, secret: str) -> None:
    async with httpx.AsyncClient(auth=SignedAuth(layout.internal_secret, salon.tenant_id), timeout=20) as http:
        channel = {
            "gateway": "evolution",
            "instance": salon.instance,
            "base_url": gateway_url,
            "api_key": layout.gateway_key,
            "auth": {"mode": "hmac", "secret": secret},
            "messages_per_minute": 60_000,  # what is measured is Booka, not the pace that a salon chooses
        }
        answer = await http.put(f"{layout.url('messaging')}/v1/channels/{salon.channel_id}", json=channel)
        answer.raise_for_status()


@dataclass
class Phones:
    """The gateway and all phones behind it. The time of a turn ends when the reply is requested at the gateway.

    Attributes:
        turns: seconds of every turn since `begin`, in the order of their ends.
        problems: what a gateway should not have been asked.
        enough: set once there are as many turns as were wanted.
    """

    messaging_url: str
    turns: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: int = 0
    _waiting: dict[str, asyncio.Future[tuple[float, str]]] = field(default_factory=dict)

    def gateway(self) -> Gateway:
        """To be entered before salons are opened on its url."""
        return Gateway(self._requested)

    def _requested(self, path: str, body: bytes, moment: float) -> tuple[int, bytes]:
        if path.startswith("/instance/connectionState/"):
            return 200, b'{"instance":{"state":"open"}}'
        if not path.startswith("/message/sendText/"):
            # A line that is looked after asks for all that was said. An attempt whose outcome is unknown asks for what was sent
            # (`fromMe`); that never happens here and must not pass unseen.
            if b'"fromMe"' in body or not path.startswith("/chat/findMessages/"):
                self.problems.append(f"asked for {path}")
            return 200, b'{"messages":{"total":0,"pages":1,"currentPage":1,"records":[]}}'
        asked = orjson.loads(body)
        number, text = asked["number"], asked["text"]
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            self.problems.append(f"unexpected: {text[:80]}")
        else:
            waiting.set_result((moment, text))
        key = {"remoteJid": f"{number}@s.whatsapp.net", "fromMe": True, "id": f"3EB0{secrets.token_hex(9).upper()}"}
        return 201, orjson.dumps({"key": key, "status": "PENDING", "messageTimestamp": int(time.time())})

    def begin(self, turns: int) -> None:
        """Count anew, up to `turns`."""
        self.turns.clear()
        self.enough.clear()
        self._wanted = turns

    async def converse(self, chair: Chair) -> None:
        """One client after another books and cancels, until there are enough turns; the last one may finish."""
        line = Line(self.messaging_url)
        try:
            while not self.enough.is_set():
                await self._visit(line, chair)
        finally:
            line.close()

    async def _visit(self, line: Line, chair: Chair) -> None:
        number = f"3519{secrets.randbelow(10**8):08d}"
        for text, expected in CONVERSATION:
            body = webhook(chair.instance, chair.path, number, text.format(staff=chair.staff))
            signature = hmac.new(chair.secret, body, hashlib.sha256).hexdigest()
            self._waiting[number] = reply = asyncio.get_running_loop().create_future()
            started = time.perf_counter()
            status = await line.post(chair.path, body, f"x-booka-signature: sha256={signature}\r\n")
            if status != 200:
                raise RuntimeError(f"the webhook was answered {status}")
            async with asyncio.timeout(30):
                moment, answer = await reply
            if expected not in answer:
                raise RuntimeError(f"{text!r} was answered {answer!r}")
            self.turns.append(moment - started)
            if len(self.turns) == self._wanted:
                self.enough.set()


def webhook(instance: str, path: str, number: str, text: str) -> bytes:
    """A `messages.upsert` of a text, as Evolution 2.3 posts it."""
    jid = f"{number}@s.whatsapp.net"
    message_id = f"3A{UUID(bytes=secrets.token_bytes(16)).hex[:18].upper()}"
    return orjson.dumps(
        {
            "event": "messages.upsert",
            "instance": instance,
            "data": {
                "key": {
                    "remoteJid": jid,
                    "remoteJidAlt": f"7{number}@lid",
                    "fromMe": False,
                    "id": message_id,
                    "participant": "",
                    "addressingMode": "pn",
                },
                "pushName": "Maria",
                "status": "DELIVERY_ACK",
                "message": {
                    "conversation": text,
                    "messageContextInfo": {
                        "deviceListMetadata": {"senderKeyHash": "sIPVFYsAAQAAfw==", "senderTimestamp": "1767225600"},
                        "deviceListMetadataVersion": 2,
                        "messageSecret": "Hk2m3yJ0c1Vx8Z5nQ9bT4wA7uE6rL1pD0sF3gK2hJ8o=",
                    },
                },
                "contextInfo": None,
                "messageType": "conversation",
                "messageTimestamp": int(time.time()),
                "instanceId": "6b1c9f6e-5d0a-4a53-9c0e-6f0f6e7f1a11",
                "source": "android",
            },
            "destination": f"http://127.0.0.1{path}",
            "date_time": "2026-01-01T12:00:00.000Z",
            "sender": "351910000000@s.whatsapp.net",
            "server_url": "http://127.0.0.1:8080",
            "apikey": "not-a-key",
        }
    )
