"""The Cloud API as its clients see it (prefix /cloud/v<version>)."""

import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from booka_sandbox.cloud import errors, orders
from booka_sandbox.cloud.errors import Refused
from booka_sandbox.cloud.network import Network
from booka_sandbox.cloud.orders import Body
from booka_sandbox.cloud.state import Line, Phone
from booka_sandbox.faults import Fault, Faults
from booka_sandbox.lines import digits
from booka_sandbox.settings import Settings

VERSION = re.compile(r"v\d+\.\d+")


class CloudApi:
    """Authentication, faults and error bodies around the network."""

    def __init__(self, network: Network, faults: Faults, settings: Settings) -> None:
        self._network = network
        self._faults = faults
        self._media_url = f"{settings.base_url}/cloud/media"

    async def messages(self, request: Request, version: str, line_id: str) -> Response:
        """POST …/messages: sends, or marks read."""
        try:
            line = self._line(request, version, line_id)
            body = await _json_body(request)
            if body.get("messaging_product") != "whatsapp":
                raise Refused(100, "The parameter messaging_product is required.")
            if body.get("status") == "read":
                subject = f"{line_id} {body.get('message_id', '')}"
                return await self._run("messages.read", subject, lambda: self._mark_read(line, body))
            text = body.get("text")
            words = text.get("body", "") if isinstance(text, dict) else ""
            subject = f"{line_id} {body.get('to') or body.get('recipient') or ''} {words}"
            return await self._run("messages.send", subject, lambda: self._send(line, body))
        except Refused as refusal:
            return JSONResponse(refusal.body, refusal.status)

    async def node(self, request: Request, version: str, node_id: str) -> Response:
        """GET …/{id}: a phone number or a medium."""
        try:
            owner = self._network.lines.get(node_id) or self._owner_of_medium(node_id)
            if owner is None:
                raise Refused(100, f"Unsupported get request. Object with ID '{node_id}' does not exist", subcode=33)
            line = self._line(request, version, owner.id)
            if node_id in line.media:
                return await self._run("media.info", node_id, lambda: self._medium(line, node_id))
            return await self._run("number.info", node_id, lambda: JSONResponse(_number(line)))
        except Refused as refusal:
            return JSONResponse(refusal.body, refusal.status)

    async def download(self, request: Request, media_id: str) -> Response:
        """The bytes of a medium; needs the token like everything else."""
        line = self._owner_of_medium(media_id)
        if line is None or not _holds_token(request, line):
            return Response(status_code=404 if line is None else 401)
        medium = line.media[media_id]
        return await self._run(
            "media.download", media_id, lambda: Response(medium.content, 200, media_type=medium.mime_type)
        )

    async def _run(self, operation: str, subject: str, effect: Callable[[], Response]) -> Response:
        return await self._faults.run("cloud", operation, subject, effect, _broken)

    def _line(self, request: Request, version: str, line_id: str) -> Line:
        if not VERSION.fullmatch(version):
            raise Refused(100, f"Unknown version {version}")
        line = self._network.lines.get(line_id)
        if line is None:
            raise Refused(100, f"Unsupported post request. Object with ID '{line_id}' does not exist", subcode=33)
        if not _holds_token(request, line):
            raise Refused(190, "Invalid OAuth access token - Cannot parse access token")
        if line.token_expired:
            raise Refused(190, "Error validating access token: Session has expired", subcode=463)
        return line

    def _send(self, line: Line, body: Body) -> Response:
        phone = _recipient(line, body)
        message = orders.message(line, phone.number, body)
        self._network.send(line, phone, message)
        contact: Body = {"input": body.get("to") or body.get("recipient")}
        contact |= {"user_id": phone.user_id} if "to" not in body else {"wa_id": phone.wa_id}
        sent: Body = {"id": message.id}
        if message.type == "template":
            sent["message_status"] = "accepted"
        return JSONResponse({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]})

    def _mark_read(self, line: Line, body: Body) -> Response:
        indicator = body.get("typing_indicator")
        typing = isinstance(indicator, dict) and indicator.get("type") == "text"
        if not self._network.mark_read(line, str(body.get("message_id")), typing=typing):
            raise Refused(131009, "message_id is not the id of a received message")
        return JSONResponse({"success": True})

    def _medium(self, line: Line, media_id: str) -> Response:
        medium = line.media[media_id]
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": f"{self._media_url}/{media_id}",
                "mime_type": medium.mime_type,
                "sha256": medium.sha256,
                "file_size": len(medium.content),
                "id": media_id,
            }
        )

    def _owner_of_medium(self, media_id: str) -> Line | None:
        return next((line for line in self._network.lines.values() if media_id in line.media), None)


def router(api: CloudApi) -> APIRouter:
    """The routes of the Cloud API."""
    routes = APIRouter(prefix="/cloud", include_in_schema=False)

    @routes.get("/media/{media_id}")
    async def download(request: Request, media_id: str) -> Response:
        return await api.download(request, media_id)

    @routes.post("/{version}/{line_id}/messages")
    async def messages(request: Request, version: str, line_id: str) -> Response:
        return await api.messages(request, version, line_id)

    @routes.get("/{version}/{node_id}")
    async def node(request: Request, version: str, node_id: str) -> Response:
        return await api.node(request, version, node_id)

    return routes


def _holds_token(request: Request, line: Line) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), line.access_token.encode())


def _recipient(line: Line, body: Body) -> Phone:
    if body.get("recipient_type", "individual") != "individual":
        raise Refused(100, "recipient_type must be individual")
    recipient = body.get("recipient")
    if isinstance(recipient, str) and "to" not in body:
        phone = line.phone_of_user(recipient)
        if phone is None:
            raise Refused(131026, "Message undeliverable: no such user of this business")
        return phone
    number = digits(body["to"]) if isinstance(body.get("to"), str) else ""
    if not 7 <= len(number) <= 15:
        raise Refused(131009 if number else 131008, "Parameter to is not a phone number")
    if number == line.own_number:
        raise Refused(131021, "Recipient cannot be sender")
    return line.phone(number)


def _number(line: Line) -> Body:
    return {
        "id": line.id,
        "verified_name": line.display_name,
        "display_phone_number": f"+{line.own_number}",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "code_verification_status": "VERIFIED",
    }


async def _json_body(request: Request) -> Body:
    try:
        parsed = json.loads(await request.body())
    except ValueError:
        raise Refused(100, "The body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Refused(100, "The body is not an object")
    return parsed


def _broken(fault: Fault) -> Any:
    return errors.answer(131000 if fault.code is None else fault.code, "ordered failure")
