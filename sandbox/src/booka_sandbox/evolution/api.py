"""Evolution's REST API as its clients see it (prefix /evolution)."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from booka_sandbox.evolution import shapes
from booka_sandbox.evolution.gateway import Gateway, Refused
from booka_sandbox.evolution.state import ALL_EVENTS, Instance, Message, WebhookTarget
from booka_sandbox.faults import Fault, Faults
from booka_sandbox.lines import digits
from booka_sandbox.settings import Settings

Body = dict[str, Any]
InstanceEffect = Callable[[Instance, Body], Response | Awaitable[Response]]


class EvolutionApi:
    """Authentication, faults and error bodies around the gateway."""

    def __init__(self, gateway: Gateway, faults: Faults, settings: Settings) -> None:
        self._gateway = gateway
        self._faults = faults
        self._settings = settings

    async def on_instance(self, request: Request, operation: str, effect: InstanceEffect) -> Response:
        """Run a call on `/…/{instance}`: key check (global key or the instance's token), faults, refusals."""
        name = request.path_params["instance"]
        try:
            instance = self._gateway.instances.get(name)
            self._authenticate(request, instance)
            instance = self._gateway.instance(name)
            body = await _json_body(request)
            subject = f"{name} {body.get('number', '')} {body.get('text', '')}"
            return await self._faults.run("evolution", operation, subject, lambda: effect(instance, body), _broken)
        except Refused as refusal:
            return JSONResponse(refusal.body, refusal.status)

    async def global_call(
        self, request: Request, operation: str, effect: Callable[[Body], Response], name: str | None = None
    ) -> Response:
        """Run a call that belongs to no instance; needs the global key, or the token of the only one it is about."""
        try:
            self._authenticate(request, self._gateway.instances.get(name or ""))
            body = await _json_body(request)
            return await self._faults.run("evolution", operation, "", lambda: effect(body), _broken)
        except Refused as refusal:
            return JSONResponse(refusal.body, refusal.status)

    async def send_text(self, instance: Instance, body: Body) -> Response:
        """sendText; `delay` (ms) blocks the call, as in Evolution."""
        text = body.get("text")
        if not isinstance(text, str) or not text:
            raise Refused(400, "Bad Request", {"message": [["text is not defined"]]})
        phone = self._gateway.recipient(instance, _number(body))
        await self._type(body)
        return JSONResponse(self._gateway.send(instance, phone, text, "conversation", {"conversation": text}), 201)

    async def send_media(self, instance: Instance, body: Body) -> Response:
        """sendMedia and sendWhatsAppAudio; the phone shows the caption."""
        kind = str(body.get("mediatype") or ("audio" if "audio" in body else ""))
        if kind not in {"image", "document", "video", "audio"} or not (body.get("media") or body.get("audio")):
            raise Refused(400, "Bad Request", {"message": [["Owned media must be a url or base64"]]})
        phone = self._gateway.recipient(instance, _number(body))
        await self._type(body)
        caption = str(body.get("caption") or "")
        content = {"mimetype": body.get("mimetype"), "caption": caption, "fileName": body.get("fileName")}
        text = caption or shapes.PLACEHOLDERS.get(kind, kind)
        message_type = f"{kind}Message"
        return JSONResponse(self._gateway.send(instance, phone, text, message_type, {message_type: content}), 201)

    async def send_presence(self, instance: Instance, body: Body) -> Response:
        """Shows "typing…" on the phone."""
        phone = self._gateway.recipient(instance, _number(body))
        presence = str(body.get("presence") or "composing")
        phone.tell({"type": "presence", "presence": presence})
        self._gateway.ledger.add("presence.sent", instance=instance.name, number=phone.number, presence=presence)
        return JSONResponse({"presence": presence}, 201)

    def find_messages(self, instance: Instance, body: Body) -> Response:
        """findMessages: newest first; `where.messageTimestamp` counts only with both gte and lte."""
        where = body.get("where") or {}
        found = [m for phone in instance.phones.values() for m in phone.messages if _selected(m, where)]
        found.sort(key=lambda m: m.timestamp, reverse=True)
        size = int(body.get("offset") or 50)
        page = int(body.get("page") or 1)
        records = [_record(instance, m) for m in found[(page - 1) * size : page * size]]
        pages = -(-len(found) // size)
        result = {"total": len(found), "pages": pages, "currentPage": page, "records": records}
        return JSONResponse({"messages": result})

    def medium(self, instance: Instance, body: Body) -> Response:
        """getBase64FromMediaMessage: fetched from WhatsApp and decrypted."""
        key = (body.get("message") or {}).get("key") or {}
        found = (phone.find(str(key.get("id"))) for phone in instance.phones.values())
        message = next((message for message in found if message is not None), None)
        if message is None:
            raise Refused(400, "Bad Request", {"message": ["Message not found"]})
        if message.medium is None:
            raise Refused(400, "Bad Request", {"message": ["The message is not of the media type"]})
        told = message.content[message.type]
        answer = {
            "mediaType": message.type,
            "fileName": f"{message.id}.{told['mimetype'].partition(';')[0].rpartition('/')[2]}",
            "caption": told.get("caption"),
            "size": {"fileLength": told["fileLength"]},
            "mimetype": told["mimetype"],
            "base64": base64.b64encode(message.medium).decode(),
            "buffer": None,
        }
        return JSONResponse(answer, 201)

    def whatsapp_numbers(self, instance: Instance, body: Body) -> Response:
        """Which numbers have WhatsApp."""
        answers = []
        for number in body.get("numbers") or []:
            phone = instance.phones.get(digits(str(number)))
            exists, spelt = (phone.exists, phone.wa_id) if phone else (True, digits(str(number)))
            answers.append({"jid": f"{spelt}@s.whatsapp.net", "exists": exists, "number": str(number)})
        return JSONResponse(answers)

    def mark_read(self, instance: Instance, body: Body) -> Response:
        """markMessageAsRead: the client sees blue ticks."""
        for key in body.get("readMessages") or []:
            address = str(key.get("remoteJid", "")).partition("@")[0]
            phone = next((p for p in instance.phones.values() if address in {p.number, p.wa_id, p.lid}), None)
            message = phone.find(str(key.get("id"))) if phone else None
            if phone is not None and message is not None:
                phone.tick(message, "READ")
        return JSONResponse({"message": "Read messages", "read": "success"}, 201)

    def set_webhook(self, instance: Instance, body: Body) -> Response:
        """webhook/set. The header `jwt_key` is not sent: it becomes a signed Authorization header."""
        instance.webhook = _webhook_target(body.get("webhook") or body, instance.webhook)
        return JSONResponse(shapes.webhook_record(instance), 201)

    def connect(self, instance: Instance, _body: Body) -> Response:
        """A pairing code. The sandbox's phone "scans" it at once: the instance goes online."""
        if instance.state != "open":
            self._gateway.connection_changed(instance, "connecting")
            self._gateway.connection_changed(instance, "open")
        code = {"pairingCode": "BOOKASBX", "code": f"2@{instance.id}", "base64": _BLANK_QR, "count": 1}
        return JSONResponse(code)

    def create(self, body: Body) -> Response:
        """instance/create: starts unpaired ("connecting") until instance/connect."""
        name = body.get("instanceName")
        if not isinstance(name, str) or not name:
            raise Refused(400, "Bad Request", {"message": [["instanceName is required"]]})
        if name in self._gateway.instances:
            raise Refused(403, "Forbidden", {"message": [f'This name "{name}" is already in use.']})
        instance = self._gateway.create(name, body.get("number"), None, state="connecting")
        if body.get("token"):
            instance.token = str(body["token"])
        if body.get("webhook"):
            instance.webhook = _webhook_target(body["webhook"], instance.webhook)
        described = {
            "instanceName": name,
            "instanceId": instance.id,
            "integration": "WHATSAPP-BAILEYS",
            "webhookWaUrl": None,
            "accessTokenWaBusiness": "",
            "status": instance.state,
        }
        answer = {"instance": described, "hash": instance.token, "webhook": {}, "settings": {}}
        return JSONResponse(answer, 201)

    def fetch_instances(self, name: str | None) -> Response:
        """fetchInstances, all or the one named."""
        if name is not None:
            return JSONResponse([shapes.instance_record(self._gateway.instance(name))])
        return JSONResponse([shapes.instance_record(i) for i in self._gateway.instances.values()])

    def logout(self, instance: Instance, _body: Body) -> Response:
        """instance/logout."""
        self._gateway.connection_changed(instance, "close")
        return JSONResponse({"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}})

    def delete(self, instance: Instance, _body: Body) -> Response:
        """instance/delete."""
        del self._gateway.instances[instance.name]
        return JSONResponse({"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}})

    def _authenticate(self, request: Request, instance: Instance | None) -> None:
        given = request.headers.get("apikey", "").encode()
        if hmac.compare_digest(given, self._settings.evolution_api_key.encode()):
            return
        if instance is not None and hmac.compare_digest(given, instance.token.encode()):
            return
        raise Refused(401, "Unauthorized", {"message": "Unauthorized"})

    async def _type(self, body: Body) -> None:
        milliseconds = body.get("delay") or 0
        if isinstance(milliseconds, int | float) and milliseconds > 0:
            await asyncio.sleep(milliseconds / 1000 * self._settings.retry_scale)


def router(api: EvolutionApi) -> APIRouter:
    """The routes of the Evolution API."""
    routes = APIRouter(prefix="/evolution", include_in_schema=False)

    def on_instance(method: str, path: str, operation: str, effect: InstanceEffect) -> None:
        async def endpoint(request: Request) -> Response:
            return await api.on_instance(request, operation, effect)

        routes.add_api_route(f"{path}/{{instance}}", endpoint, methods=[method], response_model=None)

    on_instance("POST", "/message/sendText", "sendText", api.send_text)
    on_instance("POST", "/message/sendMedia", "sendMedia", api.send_media)
    on_instance("POST", "/message/sendWhatsAppAudio", "sendMedia", api.send_media)
    on_instance("POST", "/chat/sendPresence", "sendPresence", api.send_presence)
    on_instance("POST", "/chat/findMessages", "findMessages", api.find_messages)
    on_instance("POST", "/chat/getBase64FromMediaMessage", "getBase64", api.medium)
    on_instance("POST", "/chat/whatsappNumbers", "whatsappNumbers", api.whatsapp_numbers)
    on_instance("POST", "/chat/markMessageAsRead", "markMessageAsRead", api.mark_read)
    on_instance("POST", "/webhook/set", "webhook.set", api.set_webhook)
    on_instance("GET", "/webhook/find", "webhook.find", lambda i, _: JSONResponse(shapes.webhook_record(i)))
    on_instance("GET", "/instance/connect", "instance.connect", api.connect)
    on_instance("GET", "/instance/connectionState", "connectionState", _connection_state)
    on_instance("DELETE", "/instance/logout", "instance.logout", api.logout)
    on_instance("DELETE", "/instance/delete", "instance.delete", api.delete)

    async def create(request: Request) -> Response:
        return await api.global_call(request, "instance.create", api.create)

    async def fetch_instances(request: Request) -> Response:
        name = request.query_params.get("instanceName")
        return await api.global_call(request, "fetchInstances", lambda _: api.fetch_instances(name), name)

    routes.add_api_route("/instance/create", create, methods=["POST"], response_model=None)
    routes.add_api_route("/instance/fetchInstances", fetch_instances, methods=["GET"], response_model=None)
    return routes


def _connection_state(instance: Instance, _body: Body) -> Response:
    return JSONResponse({"instance": {"instanceName": instance.name, "state": instance.state}})


def _webhook_target(order: Body, old: WebhookTarget) -> WebhookTarget:
    headers = {str(k): str(v) for k, v in (order.get("headers") or {}).items()}
    jwt_key = headers.pop("jwt_key", None)
    events = tuple(str(e) for e in order.get("events") or ALL_EVENTS)
    return WebhookTarget(
        url=str(order.get("url") or ""),
        enabled=bool(order.get("enabled", True)),
        headers=headers,
        jwt_key=jwt_key,
        hmac_secret=old.hmac_secret,
        events=events,
        by_events=bool(order.get("byEvents", order.get("webhookByEvents", False))),
    )


def _number(body: Body) -> str:
    number = body.get("number")
    if not isinstance(number, str) or not number:
        raise Refused(400, "Bad Request", {"message": [["number is required"]]})
    return number


def _selected(message: Message, where: Body) -> bool:
    key = where.get("key") or {}
    if any(name in key and message.key.get(name) != key[name] for name in ("id", "fromMe")):
        return False
    if "remoteJid" in key and key["remoteJid"] not in {message.key["remoteJid"], message.key.get("remoteJidAlt")}:
        return False
    period = where.get("messageTimestamp") or {}
    if period.get("gte") and period.get("lte"):
        return _unix(period["gte"]) <= message.timestamp <= _unix(period["lte"])
    return True


def _unix(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _record(instance: Instance, message: Message) -> Body:
    return {
        "id": f"cm{message.id.lower()}",
        "key": message.key,
        "pushName": message.push_name,
        "messageType": message.type,
        "message": message.content,
        "messageTimestamp": message.timestamp,
        "instanceId": instance.id,
        "source": "unknown",
        "contextInfo": None,
        "MessageUpdate": [{"status": message.status}] if message.from_salon else [],
    }


async def _json_body(request: Request) -> Body:
    raw = await request.body()
    if not raw:
        return {}
    try:
        parsed = json.loads(raw)
    except ValueError:
        raise Refused(400, "Bad Request", {"message": ["the body is not JSON"]}) from None
    if not isinstance(parsed, dict):
        raise Refused(400, "Bad Request", {"message": ["the body is not an object"]})
    return parsed


def _broken(fault: Fault) -> Body:
    return {"status": fault.status, "error": "Internal Server Error", "response": {"message": "ordered failure"}}


_BLANK_QR = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQCc479ZAAAAAElFTkSuQmCC"
)
