"""WhatsApp's servers: take what salons send to phones, report what phones say and do to the app's webhook."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from booka_sandbox.cloud import shapes
from booka_sandbox.cloud.errors import Refused
from booka_sandbox.cloud.state import WINDOW_SECONDS, Change, Line, Medium, Message, Phone, new_message_id
from booka_sandbox.delivery import CLOUD_RETRIES, Deliverer, Webhook
from booka_sandbox.ledger import Ledger
from booka_sandbox.lines import Order
from booka_sandbox.samples import sample

Together = Literal["posts", "changes", "messages"]
_TICKS = {"sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ"}


class Network:
    """All lines. Everything happens in memory and at once; only webhooks take time."""

    def __init__(self, ledger: Ledger, deliverer: Deliverer) -> None:
        self.ledger = ledger
        self._deliverer = deliverer
        self.lines: dict[str, Line] = {}

    # The client's side -------------------------------------------------------------------------------------------

    def say(
        self,
        line: Line,
        number: str,
        text: str,
        *,
        kind: str = "text",
        choice_id: str | None = None,
        about: str | None = None,
        push_name: str | None = None,
        message_id: str | None = None,
        timestamp: int | None = None,
        media: bytes | None = None,
        mime_type: str | None = None,
        from_me: bool = False,
        copies: int = 1,
        delay: float = 0.0,
    ) -> Message:
        """A phone says something to the salon (or, `from_me`, a person types in the salon's own app)."""
        phone = line.phone(number)
        phone.push_name = push_name or phone.push_name
        content = shapes.said(kind, text, choice_id, about, self._medium(line, kind, media, mime_type))
        message = Message(
            id=message_id or new_message_id(),
            number=phone.number,
            from_salon=from_me,
            text=text or shapes.PLACEHOLDERS.get(kind, ""),
            timestamp=timestamp or int(time.time()),
            type=content["type"],
            status="SERVER_ACK",
        )
        phone.keep(message)
        known = {"instance": line.id, "number": phone.number, "text": text, "key_id": message.id, "from_me": from_me}
        self.ledger.add("message.said", **known)
        if from_me:
            value = shapes.value(line, message_echoes=[shapes.echo(line, phone, message, content)])
            change = Change("smb_message_echoes", value, phone.number, message.id)
        else:
            phone.last_said = max(phone.last_said or 0, message.timestamp)
            told = shapes.incoming(phone, message, content, about)
            value = shapes.value(line, contacts=[shapes.contact(phone)], messages=[told])
            change = Change("messages", value, phone.number, message.id)

        def arrived(_: int) -> None:
            if message.status == "SERVER_ACK":
                phone.tick(message, "DELIVERY_ACK")

        self.report(line, change, copies=copies, delay=delay, done=arrived)
        return message

    def read(self, line: Line, phone: Phone) -> int:
        """The client reads: every salon message not yet read becomes read. Returns how many."""
        unread = [m for m in phone.messages if m.from_salon and m.status in {"SERVER_ACK", "DELIVERY_ACK"}]
        for message in unread:
            self._status(line, phone, message, "read")
        return len(unread)

    # The salon's side --------------------------------------------------------------------------------------------

    def send(self, line: Line, phone: Phone, message: Message) -> None:
        """The salon's software sends. Its `message` has been checked; what becomes of it is told by statuses."""
        failure = phone.fails_with
        opened = phone.last_said is not None and message.timestamp - phone.last_said < WINDOW_SECONDS
        message.in_window = opened or line.window == "off"
        if not message.in_window and message.type != "template":
            if line.window == "error":
                raise Refused(131047, "More than 24 hours have passed since the customer last replied to this number.")
            failure = failure or 131047
        if failure is not None:
            self._status(line, phone, message, "failed", failure)
            self.ledger.add("message.failed", instance=line.id, number=phone.number, key_id=message.id, code=failure)
            return
        phone.keep(message)
        known = {"instance": line.id, "number": phone.number, "text": message.text, "key_id": message.id}
        more = {"type": message.type, "callback": message.callback, "choices": message.choices}
        self.ledger.add("message.sent", **known, **more)
        self._status(line, phone, message, "sent")
        self._status(line, phone, message, "delivered")

    def mark_read(self, line: Line, message_id: str, *, typing: bool) -> bool:
        """The client sees blue ticks and, if asked, that the salon types. False: no such message of a client."""
        for phone in line.phones.values():
            message = phone.find(message_id)
            if message is None or message.from_salon:
                continue
            phone.tick(message, "READ")
            if typing:
                phone.tell({"type": "presence", "presence": "composing"})
                self.ledger.add("presence.sent", instance=line.id, number=phone.number, presence="composing")
            return True
        return False

    # Webhooks ----------------------------------------------------------------------------------------------------

    def report(
        self,
        line: Line,
        change: Change,
        *,
        copies: int = 1,
        delay: float = 0.0,
        done: Callable[[int], None] | None = None,
    ) -> None:
        """Tell the line's webhook, if it is subscribed; or keep it until the release of what is held."""
        if not line.webhook_url or change.field not in line.fields:
            return
        if not line.kept_back(change, copies):
            self._post(line, [change], copies=copies, delay=delay, done=done)

    def release(self, line: Line, *, order: Order, together: Together, copies: int, keep_holding: bool) -> int:
        """Deliver what was held: in which order, how much in one POST, and each POST how often. Returns the POSTs."""
        changes = line.let_go(order, keep_holding=keep_holding)
        if not changes:
            return 0
        if together == "posts":
            posts: list[Sequence[Change]] = [[change] for change in changes]
        else:
            posts = [shapes.merged(changes) if together == "messages" else changes]
        for post in posts:
            self._post(line, post, copies=copies)
        return len(posts) * copies

    def _post(
        self,
        line: Line,
        changes: Sequence[Change],
        *,
        copies: int = 1,
        delay: float = 0.0,
        done: Callable[[int], None] | None = None,
    ) -> None:
        body = json.dumps(shapes.post(line, changes), ensure_ascii=False).encode()
        signature = hmac.new(line.app_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        alone = (
            changes[0] if len(changes) == 1 else Change(",".join(sorted({c.field for c in changes})), {}, None, None)
        )
        fields: dict[str, Any] = {"provider": "cloud", "event": alone.field, "instance": line.id}
        fields |= {"number": alone.number, "id": alone.about}
        webhook = Webhook(line.webhook_url, body, lambda: headers, fields)
        self._deliverer.send(webhook, CLOUD_RETRIES, copies=copies, delay=delay, done=done)

    def _status(self, line: Line, phone: Phone, message: Message, name: str, failure: int | None = None) -> None:
        if failure is None:
            phone.tick(message, _TICKS[name])
        told = shapes.status(line, phone, message, name, int(time.time()), failure)
        content: dict[str, Any] = {"statuses": [told]}
        if failure is None:
            content["contacts"] = [shapes.contact(phone)]
        self.report(line, Change("messages", shapes.value(line, **content), phone.number, message.id))

    def _medium(self, line: Line, kind: str, media: bytes | None, mime_type: str | None) -> dict[str, Any]:
        if kind not in shapes.MEDIA_TYPES:
            return {}
        named = mime_type or shapes.MEDIA_TYPES[kind]
        content = sample(named) if media is None else media
        medium = Medium(str(10**15 + secrets.randbelow(10**15)), named, content)
        line.media[medium.id] = medium
        return {"id": medium.id, "mime_type": medium.mime_type, "sha256": medium.sha256}
