"""Reading what the Cloud API sends, believing only Meta, and what its error codes mean."""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_common.contracts.messaging import MessageReceived
from booka_common.errors import NotConfigured, Unauthenticated
from booka_common.ids import new_id
from booka_common.signing import SecretSet
from booka_messaging.domain.cloud import LineEvent, alias_of_number, alias_of_user, read, read_for
from booka_messaging.domain.cloud_codes import verdict
from booka_messaging.domain.cloud_verification import answer_challenge, verify_delivery
from booka_messaging.domain.media import Media, media_of
from booka_messaging.domain.model import Alias, ChatMessage, Ignored, Linked, Price, Receipt, phone_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINE, NUMBER, USER_ID = "209000111", "351912345678", "PT.48151623421234567890"
PN, USER = Alias("pn", NUMBER), Alias("bsuid", USER_ID)


def change(field: str = "messages", line: str = LINE, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "351210000000", "phone_number_id": line}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def post(*changes: Any) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": "77", "changes": list(changes)}]}


def said(kind: str = "text", content: Any = None, **message: Any) -> dict[str, Any]:
    body = {"body": "bom dia"} if content is None else content
    known = {"from": NUMBER, "from_user_id": USER_ID, "id": "wamid.A", "timestamp": str(int(NOW.timestamp()) - 5)}
    return {**known, "type": kind, kind: body, **message}


def contact(name: Any = "Rui", **fields: Any) -> dict[str, Any]:
    return {"profile": {"name": name}, "wa_id": NUMBER, "user_id": USER_ID, **fields}


def only(payload: dict[str, Any]) -> Any:
    (found,) = read(payload, NOW)
    return found.event


def message(*messages: Any, contacts: Any = None) -> ChatMessage:
    event = only(post(change(messages=list(messages), contacts=[contact()] if contacts is None else contacts)))
    assert isinstance(event, ChatMessage), event
    return event


def test_a_text() -> None:
    assert message(said(context={"id": "wamid.Q", "forwarded": True})) == ChatMessage(
        author="client",
        provider_id="wamid.A",
        aliases=(USER, PN),
        name="Rui",
        kind="text",
        text="bom dia",
        choice_id=None,
        sent_at=NOW - timedelta(seconds=5),
        metadata={"type": "text", "quoted": "wamid.Q", "forwarded": True},
    )


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "yes", "title": "Sim"}},
            ("choice", "Sim", "yes"),
        ),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "slot-3", "title": "10:00", "description": "com a Eva"}},
            ("choice", "10:00", "slot-3"),
        ),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"body": "Sent"}}, ("other", "Sent", None)),
        ("button", {"payload": "confirm", "text": "Confirmar"}, ("choice", "Confirmar", "confirm")),
        ("audio", {"id": "9", "mime_type": "audio/ogg", "voice": True}, ("audio", "", None)),
        ("image", {"id": "9", "caption": "assim"}, ("image", "assim", None)),
        ("video", {"id": "9"}, ("video", "", None)),
        ("document", {"id": "9", "filename": "a.pdf", "caption": "veja"}, ("document", "veja", None)),
        ("location", {"latitude": 38.7, "longitude": -9.1, "name": "Baixa"}, ("location", "Baixa", None)),
        ("sticker", {"id": "9"}, ("other", "", None)),
        ("contacts", [{"name": {"formatted_name": "Eva"}}], ("other", "", None)),
        ("order", {"catalog_id": "1"}, ("other", "", None)),
        ("what-comes-next-year", "?", ("other", "", None)),
    ],
)
def test_kinds_of_content(kind: str, content: Any, expected: tuple[str, str, str | None]) -> None:
    read_as = message(said(kind, content))
    assert (read_as.kind, read_as.text, read_as.choice_id) == expected


def test_a_voice_note_can_be_told_from_a_file_and_found_again() -> None:
    content = {
        "id": "9001",
        "mime_type": "audio/ogg; codecs=opus",
        "sha256": "ab",
        "voice": True,
        "url": "https://secret",
    }
    metadata = message(said("audio", content)).metadata
    assert "secret" not in json.dumps(metadata)
    assert media_of(metadata) == Media("9001", mime_type="audio/ogg; codecs=opus", voice=True, sha256="ab")


def test_what_cannot_be_shown_is_still_a_message() -> None:
    unsupported = said("unsupported", errors=[{"code": 131051, "title": "Message type unknown"}])
    assert message(unsupported).metadata == {"type": "unsupported", "errors": [131051]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (said("reaction", {"message_id": "wamid.Q", "emoji": "👍"}), "reaction"),
        (said("system", {"type": "customer_identity_changed"}), "system"),
        (said(group_id="G1"), "group"),
        (said(id=None), "unreadable"),
        (said(id="w" * 129), "unreadable"),
        (said(type=None), "unreadable"),
        (said("revoke"), "silent"),
        ({**said(), "from": "x", "from_user_id": "y"}, "unreadable"),
        ("text", "unreadable"),
    ],
)
def test_ignored_on_purpose(data: Any, reason: str) -> None:
    assert only(post(change(messages=[data]))) == Ignored(reason)


def test_a_username_hides_the_number_and_the_id_does_not_change() -> None:
    hidden = said()
    del hidden["from"]
    person = {"profile": {"name": "Rui", "username": "@rui"}, "user_id": USER_ID}
    found = message(hidden, contacts=[person])
    assert (found.aliases, found.name, phone_of(found.aliases)) == ((USER,), "Rui", None)


def test_the_contact_is_the_one_who_wrote_wherever_it_stands() -> None:
    others = [
        contact("Eva", wa_id="351910000001", user_id="PT.1"),
        contact("Ana", wa_id="351910000002", user_id="PT.2"),
    ]
    assert message(said(), contacts=[*others, contact()]).name == "Rui"
    by_number = message(said(from_user_id=None), contacts=[*others, contact()])
    assert (by_number.name, by_number.aliases) == ("Rui", (USER, PN))
    stranger = message(said(), contacts=others)
    assert (stranger.name, stranger.aliases) == (None, (USER, PN))
    assert message(said(), contacts="none").name is None


def test_many_messages_changes_and_lines_in_one_post() -> None:
    payload = post(
        change(messages=[said(), said(id="wamid.B")], contacts=[contact()]),
        change(line="other", messages=[said(id="wamid.C")]),
        change(statuses=[{"id": "wamid.O", "status": "delivered"}]),
        change("account_update", event="VERIFIED"),
        {"field": "messages"},
        None,
    )
    payload["entry"] = [None, *payload["entry"], *post(change(messages=[said(id="wamid.D")]))["entry"]]
    ids = [getattr(found.event, "provider_id", None) for found in read(payload, NOW)]
    assert ids == ["wamid.A", "wamid.B", "wamid.C", "wamid.O", None, None, "wamid.D"]
    assert [getattr(event, "provider_id", None) for event in read_for(payload, "other", NOW)] == ["wamid.C"]
    assert read_for(payload, "nobody", NOW) == ()


@pytest.mark.parametrize("payload", [{}, {"object": "page"}, {"object": "whatsapp_business_account", "entry": {}}])
def test_other_objects_are_ignored(payload: dict[str, Any]) -> None:
    ((_, event),) = [(found.line_id, found.event) for found in read(payload, NOW)]
    assert isinstance(event, Ignored)


PRICING = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"status": "sent"}, Receipt("wamid.O", "sent")),
        ({"status": "played"}, Receipt("wamid.O", "read")),
        (
            {"status": "delivered", "pricing": PRICING, "recipient_id": NUMBER, "recipient_user_id": USER_ID},
            Receipt("wamid.O", "delivered", price=Price(False, "service", "PMP"), aliases=(USER, PN)),
        ),
        (
            {"status": "failed", "biz_opaque_callback_data": "r-1", "errors": [{"code": 131047}]},
            Receipt("wamid.O", "failed", code="window_closed", reference="r-1"),
        ),
        ({"status": "failed", "errors": [{"code": 131026}]}, Receipt("wamid.O", "failed", code="recipient_unknown")),
        ({"status": "failed", "errors": [{"code": 99}]}, Receipt("wamid.O", "failed", code="refused_99")),
        ({"status": "failed"}, Receipt("wamid.O", "failed", code="gateway_error")),
        ({"status": "failed", "errors": [7]}, Receipt("wamid.O", "failed", code="gateway_error")),
        ({"status": "warning"}, Ignored("receipt")),
        ({"status": ["sent"]}, Ignored("receipt")),
        ({"status": "sent", "id": ""}, Ignored("shape")),
        ({"status": "sent", "pricing": {"category": 5}}, Receipt("wamid.O", "sent")),
        (
            {"status": "sent", "pricing": {"category": "utility"}},
            Receipt("wamid.O", "sent", price=Price(True, "utility", "")),
        ),
    ],
)
def test_statuses(status: dict[str, Any], expected: object) -> None:
    assert only(post(change(statuses=[{"id": "wamid.O", **status}]))) == expected


def test_the_salons_own_app_is_a_person_of_the_salon() -> None:
    echo = {"from": "351210000000", "to": NUMBER, "to_user_id": USER_ID, "id": "wamid.E", "timestamp": "1772441999"}
    event = only(
        post(change("smb_message_echoes", message_echoes=[{**echo, "type": "text", "text": {"body": "Já vejo"}}]))
    )
    assert isinstance(event, ChatMessage)
    assert (event.author, event.aliases, event.text, event.name) == ("salon", (USER, PN), "Já vejo", None)
    to_itself = {**echo, "to": "351210000000", "to_user_id": None, "type": "text"}
    assert only(post(change("smb_message_echoes", message_echoes=[to_itself]))) == Ignored("unreadable")


def test_a_changed_number_links_old_and_new() -> None:
    new = Alias("pn", "351913333333")
    system = {"type": "user_changed_number", "body": "…", "wa_id": new.value}
    assert only(post(change(messages=[said("system", system)]))) == Linked("system", (USER, PN, new))
    alone = {"id": "wamid.S", "type": "system", "system": {"type": "user_changed_number"}, "from": NUMBER}
    assert only(post(change(messages=[alone]))) == Ignored("system")


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (USER_ID, True),
        ("US.ENT.1181579921288", True),
        ("PT.", False),
        ("pt.123", False),
        ("PRT.123", False),
        ("PT.12-3", False),
        ("PT." + "1" * 129, False),
        (".1", False),
        (None, False),
        (7, False),
    ],
)
def test_user_ids(value: object, good: bool) -> None:
    assert (alias_of_user(value) is not None) is good


def test_numbers() -> None:
    assert alias_of_number("+351912345678") == alias_of_number("351912345678") == PN
    for bad in ("", "1234", "35191234567٣", "3" * 21, None, 351912345678):
        assert alias_of_number(bad) is None


# --- anything at all

KEYS = (
    "object", "entry", "changes", "field", "value", "metadata", "phone_number_id", "messages", "statuses", "errors", "contacts",
    "message_echoes", "from", "from_user_id", "to", "to_user_id", "id", "timestamp", "type", "text", "body", "interactive",
    "button_reply", "list_reply", "title", "button", "payload", "audio", "voice", "system", "wa_id", "user_id", "profile", "name",
    "status", "pricing", "category", "billable", "code", "context", "location", "latitude", "biz_opaque_callback_data",
    "recipient_id",
)  # fmt: skip
WORDS = (
    "whatsapp_business_account", "messages", "smb_message_echoes", "text", "interactive", "audio", "system",
    "user_changed_number", "sent", "failed", "unsupported", "location", NUMBER, USER_ID, "wamid.A", "1772441999", "\x00",
    "\ud83d",
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(2**70)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=10, alphabet=st.characters())
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4)


def check(payload: dict[str, Any]) -> None:
    events = read(payload, NOW)
    assert events
    for found in events:
        assert isinstance(found, LineEvent)
        event = found.event
        if isinstance(event, ChatMessage):
            assert event.aliases
            assert event.sent_at <= NOW
            assert 1 <= len(event.provider_id) <= 128
            assert b"\\u0000" not in orjson.dumps(event.metadata)
            media_of(event.metadata)
            received = MessageReceived(
                message_id=new_id(), conversation_id=new_id(), contact_id=new_id(), turn=1, kind=event.kind, text=event.text,
                choice_id=event.choice_id, contact_name=event.name, phone=phone_of(event.aliases), sent_at=event.sent_at,
            )  # fmt: skip
            assert b"\\u0000" not in received.model_dump_json().encode()


@settings(max_examples=150, deadline=None)
@given(OBJECT)
def test_any_json_is_read_without_an_exception(payload: dict[str, Any]) -> None:
    check(payload)
    check({**payload, "object": "whatsapp_business_account"})


@settings(max_examples=100, deadline=None)
@given(changed=OBJECT, kind=st.sampled_from(WORDS), body=ANYTHING, whole=st.booleans())
def test_almost_good_posts_are_read_without_an_exception(
    changed: dict[str, Any], kind: str, body: Any, *, whole: bool
) -> None:
    value, message, status = (changed, {}, {}) if whole else ({}, changed, changed)
    messages = [said(kind, body), {**said(), **message}]
    told = {"messages": messages, "message_echoes": messages, "statuses": [{"id": "x", "status": "failed", **status}]}
    for field in ("messages", "smb_message_echoes"):
        for content in (told, {**told, **value}):
            good = change(field)
            check(post({**good, "value": {**good["value"], "contacts": [contact()], **content}}))


@settings(max_examples=100, deadline=None)
@given(st.integers(), st.integers(100, 599), st.booleans())
def test_every_error_code_means_something(code: int, status: int, transient: bool) -> None:
    decided = verdict(code, status, transient=transient)
    assert decided.code
    assert (decided.delay or timedelta()) < timedelta(hours=1)


# --- proofs

BODY = b'{"object":"whatsapp_business_account"}'
NEW, OLD, FOREIGN = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "f" * 32
BOTH = SecretSet("app secret", (NEW, OLD))
Values = Callable[[str], Sequence[str]]


def values(*pairs: tuple[str, str]) -> Values:
    return lambda name: [value for key, value in pairs if key == name]


def mac(secret: str, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(*signatures: str) -> Values:
    return values(*(("x-hub-signature-256", signature) for signature in signatures))


def test_both_live_app_secrets_hold() -> None:
    assert verify_delivery(BOTH, signed(mac(NEW)), BODY) == 0
    assert verify_delivery(BOTH, signed(mac(OLD)), BODY) == 1


@pytest.mark.parametrize(
    "given",
    [
        signed(),
        signed(""),
        signed("sha256="),
        signed(mac(FOREIGN)),
        signed(mac(NEW, BODY + b" ")),
        signed(mac(NEW).upper()),
        signed("sha256=" + mac(NEW).removeprefix("sha256=").upper()),
        signed(mac(NEW)[:-1]),
        signed(mac(NEW).removeprefix("sha256=")),
        signed(mac(NEW).replace("sha256", "sha1")),
        signed("sha256=é"),
        signed(mac(NEW), mac(NEW)),
        signed(mac(NEW), mac(FOREIGN)),
        values(("x-hub-signature", mac(NEW))),
    ],
)
def test_bad_signatures(given: Values) -> None:
    with pytest.raises(Unauthenticated):
        verify_delivery(BOTH, given, BODY)


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "")])
def test_an_unusable_secret_is_our_fault_and_lets_nobody_in(secrets: tuple[str, ...]) -> None:
    with pytest.raises(NotConfigured):
        verify_delivery(SecretSet("app secret", secrets), signed(mac(secrets[0] if secrets else "")), BODY)
    with pytest.raises(NotConfigured):
        answer_challenge(SecretSet("verify token", secrets), subscription(token=secrets[0] if secrets else ""))


def subscription(mode: str = "subscribe", challenge: str = "1158201444", token: str = NEW) -> Values:
    return values(("hub.mode", mode), ("hub.challenge", challenge), ("hub.verify_token", token))


def test_the_challenge_is_answered_to_who_knows_the_token() -> None:
    assert answer_challenge(BOTH, subscription()) == "1158201444"
    assert answer_challenge(BOTH, subscription(token=OLD)) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        values(),
        subscription(token=FOREIGN),
        subscription(token=""),
        subscription(mode="unsubscribe"),
        subscription(challenge=""),
        subscription(challenge="<script>"),
        subscription(challenge="1" * 257),
        values(("hub.mode", "subscribe"), ("hub.challenge", "1")),
        values(("hub.mode", "subscribe"), *[("hub.challenge", "1")] * 2, ("hub.verify_token", NEW)),
        values(("hub.mode", "subscribe"), ("hub.challenge", "1"), *[("hub.verify_token", NEW)] * 2),
    ],
)
def test_other_subscriptions_are_refused(query: Values) -> None:
    with pytest.raises(Unauthenticated):
        answer_challenge(BOTH, query)
