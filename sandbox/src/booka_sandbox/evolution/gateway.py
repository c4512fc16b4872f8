"""The Evolution server: takes what salons send to phones, emits what phones say as webhooks."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from booka_sandbox.delivery import EVOLUTION_RETRIES, Deliverer, Webhook
from booka_sandbox.evolution import shapes
from booka_sandbox.evolution.state import Instance, Message, Phone, new_message_id
from booka_sandbox.ledger import Ledger
from booka_sandbox.lines import Order, digits

HUMAN_AT_THE_SALON = "Você"
"""The literal push name Evolution gives to messages typed on the salon's own phone."""
HMAC_HEADER = "x-booka-signature"


class Refused(Exception):
    """Evolution says no. `response` is the value of `response` in its error body."""

    def __init__(self, status: int, error: str, response: Any) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body = {"status": status, "error": error, "response": response}


class Gateway:
    """All instances of the server. Everything happens in memory and at once; only webhooks take time."""

    def __init__(self, ledger: Ledger, deliverer: Deliverer, server_url: str) -> None:
        self.ledger = ledger
        self._deliverer = deliverer
        self._server_url = server_url
        self.instances: dict[str, Instance] = {}

    def instance(self, name: str) -> Instance:
        """The instance of that name, or Refused 404 as Evolution words it."""
        instance = self.instances.get(name)
        if instance is None:
            raise Refused(404, "Not Found", {"message": [f'The "{name}" instance does not exist']})
        return instance

    def create(self, name: str, own_number: str | None, display_name: str | None, **more: Any) -> Instance:
        """Register a new instance; the number is made up from the name when not given."""
        number = digits(own_number or "") or _number_of(name)
        instance = Instance(name=name, own_number=number, display_name=display_name or name, **more)
        self.instances[name] = instance
        return instance

    # The client's side -------------------------------------------------------------------------------------------

    def say(
        self,
        instance: Instance,
        number: str,
        text: str,
        *,
        kind: str = "text",
        choice_id: str | None = None,
        media: bytes | None = None,
        mime_type: str | None = None,
        push_name: str | None = None,
        message_id: str | None = None,
        timestamp: int | None = None,
        from_me: bool = False,
        addressing: str | None = None,
        group: str | None = None,
        copies: int = 1,
        delay: float = 0.0,
    ) -> Message:
        """A phone says something to the salon (or, `from_me`, a person at the salon types on its phone)."""
        phone = instance.phone(number)
        number = phone.number
        if push_name:
            phone.push_name = push_name
        message_type, content = shapes.client_content(kind, text, choice_id)
        medium = shapes.with_medium(content.get(message_type), media, mime_type)
        message_id = message_id or new_message_id(from_api=False)
        message = Message(
            id=message_id,
            number=number,
            key=shapes.message_key(instance, phone, message_id, from_me=from_me, addressing=addressing, group=group),
            from_salon=from_me,
            text=text or shapes.PLACEHOLDERS.get(kind, ""),
            timestamp=timestamp or int(time.time()),
            type=message_type,
            content=content,
            push_name=HUMAN_AT_THE_SALON if from_me else phone.push_name or phone.number,
            medium=medium,
            status="SERVER_ACK",
        )
        phone.keep(message)
        self.ledger.add(
            "message.said", instance=instance.name, number=number, text=text, key_id=message_id, from_me=from_me
        )
        source = "android" if int(phone.lid[-1]) % 2 else "ios"
        data = {**self._message_data(instance, message, source), "status": "DELIVERY_ACK"}

        def arrived(_: int) -> None:
            if message.status == "SERVER_ACK":
                phone.tick(message, "DELIVERY_ACK")

        self.emit(
            instance,
            "messages.upsert",
            data,
            number=number,
            key_id=message_id,
            copies=copies,
            delay=delay,
            done=arrived,
        )
        return message

    def read(self, instance: Instance, phone: Phone) -> int:
        """The client reads: every salon message not yet read becomes READ. Returns how many."""
        changed = 0
        for message in phone.messages:
            if message.from_salon and message.status in {"PENDING", "SERVER_ACK", "DELIVERY_ACK"}:
                self._progress(instance, phone, message, "READ")
                changed += 1
        return changed

    # The salon's side --------------------------------------------------------------------------------------------

    def recipient(self, instance: Instance, number: str) -> Phone:
        """The phone a send is addressed to. Refused 400: not on WhatsApp, or the instance is not connected."""
        if instance.state != "open":
            raise Refused(400, "Bad Request", {"message": ["Error: Connection Closed"]})
        bare, _, server = number.partition("@")
        phone = None
        if server == "lid":
            # Sends to a LID fail before 2.4.
            if shapes.version_tuple(instance.version) >= (2, 4):
                phone = next((p for p in instance.phones.values() if p.lid == bare), None)
        else:
            wanted = digits(bare.partition(":")[0])
            phone = instance.phone(wanted) if 7 <= len(wanted) <= 15 else None
        if phone is None or not phone.exists:
            jid = number if "@" in number else f"{digits(number)}@s.whatsapp.net"
            raise Refused(400, "Bad Request", {"message": [{"jid": jid, "exists": False, "number": number}]})
        return phone

    def send(
        self, instance: Instance, phone: Phone, text: str, message_type: str, content: dict[str, Any]
    ) -> dict[str, Any]:
        """The salon's software sends; returns Evolution's messageRaw (store `key.id`)."""
        message_id = new_message_id(from_api=True)
        message = Message(
            id=message_id,
            number=phone.number,
            key=shapes.message_key(instance, phone, message_id, from_me=True, addressing="pn"),
            from_salon=True,
            text=text,
            timestamp=int(time.time()),
            type=message_type,
            content=content,
            push_name="",
            status="PENDING",
        )
        phone.keep(message)
        self.ledger.add(
            "message.sent",
            instance=instance.name,
            number=phone.number,
            text=text,
            key_id=message_id,
            type=message_type,
        )
        data = {**self._message_data(instance, message, "unknown"), "status": "PENDING"}
        self.emit(instance, "send.message", data, number=phone.number, key_id=message_id)
        self._progress(instance, phone, message, "DELIVERY_ACK")
        return data

    # Events ------------------------------------------------------------------------------------------------------

    def emit(
        self,
        instance: Instance,
        event: str,
        data: Any,
        *,
        number: str | None = None,
        key_id: str | None = None,
        copies: int = 1,
        delay: float = 0.0,
        done: Callable[[int], None] | None = None,
    ) -> None:
        """Send one event to the instance's webhook, if it is subscribed to it."""
        target = instance.webhook
        if not target.wants(event):
            return
        body = json.dumps(shapes.envelope(instance, event, data, self._server_url), ensure_ascii=False).encode()
        headers = self._headers(instance, body)
        url = target.url.rstrip("/") + "/" + event.replace(".", "-") if target.by_events else target.url
        fields: Mapping[str, Any] = {
            "provider": "evolution",
            "event": event,
            "instance": instance.name,
            "number": number,
            "id": key_id,
        }
        webhook = Webhook(url, body, lambda: headers, fields)
        if not instance.kept_back(webhook, copies):
            self._deliverer.send(webhook, EVOLUTION_RETRIES, copies=copies, delay=delay, done=done)

    def release(self, instance: Instance, *, order: Order, copies: int) -> int:
        """Deliver what was held, in which order and each how often. Returns the number of POSTs.

        Evolution promises no order: the POSTs start in this one, a moment apart.
        """
        webhooks = instance.let_go(order)
        for webhook in webhooks:
            self._deliverer.send(webhook, EVOLUTION_RETRIES, copies=copies)
        return len(webhooks) * copies

    def connection_changed(self, instance: Instance, state: str) -> None:
        """Go online or offline, saying so."""
        instance.state = state
        reason = 200 if state == "open" else 428
        data = {"instance": instance.name, "state": state, "statusReason": reason}
        if state == "open":
            data |= {"wuid": instance.own_jid, "profileName": instance.display_name, "profilePictureUrl": None}
        self.emit(instance, "connection.update", data)

    def _headers(self, instance: Instance, body: bytes) -> dict[str, str]:
        target = instance.webhook
        headers = {"Content-Type": "application/json", "User-Agent": "axios/1.7.9", **target.headers}
        if target.jwt_key:
            now = int(time.time())
            claims = {"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook"}
            headers["Authorization"] = "Bearer " + jwt.encode(claims, target.jwt_key, algorithm="HS256")
        if target.hmac_secret:
            digest = hmac.new(target.hmac_secret.encode(), body, hashlib.sha256).hexdigest()
            headers[HMAC_HEADER] = f"sha256={digest}"
        return headers

    def _message_data(self, instance: Instance, message: Message, source: str) -> dict[str, Any]:
        return {
            "key": message.key,
            "pushName": message.push_name,
            "status": message.status,
            "message": message.content,
            "contextInfo": None,
            "messageType": message.type,
            "messageTimestamp": message.timestamp,
            "instanceId": instance.id,
            "source": source,
        }

    def _progress(self, instance: Instance, phone: Phone, message: Message, status: str) -> None:
        phone.tick(message, status)
        data = {
            "keyId": message.id,
            "remoteJid": message.key["remoteJid"],
            "fromMe": message.from_salon,
            "participant": None,
            "status": status,
            "instanceId": instance.id,
            "messageId": f"cm{message.id.lower()}",
        }
        self.emit(instance, "messages.update", data, number=phone.number, key_id=message.id)


def _number_of(name: str) -> str:
    return "3491" + str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 10**7).zfill(7)
