"""Reading what the Cloud API sends, believing only Meta, and what its error codes mean."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_messaging.domain.cloud import LineEvent, alias_of_number, alias_of_user, read, read_for
from booka_messaging.domain.cloud_codes import verdict
from booka_messaging.domain.media import Media, media_of
from booka_messaging.domain.model import Alias, ChatMessage, Deleted, Edited, Ignored, Linked, Price, Receipt, phone_of
from booka_messaging.domain.reading import instant

from .anything import json_of, must_hold
from .cloud_posts import NOW, NUMBER, PN, USER, USER_ID, change, contact, message, only, post, said


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
        (said("revoke"), "shape"),
        (said("edit", {"original_message_id": 7}), "shape"),
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
        ({"status": "delivered", "pricing": {"category": 5}}, Receipt("wamid.O", "delivered")),
        ({"status": "sent", "pricing": {**PRICING, "billable": True, "type": "regular"}}, Receipt("wamid.O", "sent")),
    ],
)
def test_statuses(status: dict[str, Any], expected: object) -> None:
    assert only(post(change(statuses=[{"id": "wamid.O", **status}]))) == expected


@pytest.mark.parametrize(
    ("pricing", "billable"),
    [
        ({}, True),
        ({"billable": True, "type": "regular"}, True),
        ({"type": "regular"}, True),
        ({"billable": False, "type": "regular"}, False),
        ({"type": "free_customer_service"}, False),
        ({"type": "free_entry_point"}, False),
        ({"billable": "false", "type": 7}, True),
    ],
)
@pytest.mark.parametrize("status", ["delivered", "read"])
def test_a_message_is_paid_for_unless_meta_says_that_it_is_free(
    pricing: dict[str, Any], billable: object, status: str
) -> None:
    """Of `billable` and `type` one may be missing: Meta is giving up the first, and older versions do not have the second."""
    told = {"id": "wamid.O", "status": status, "pricing": {"category": "utility", **pricing}}
    receipt = only(post(change(statuses=[told])))
    assert isinstance(receipt, Receipt)
    assert receipt.price == Price(bool(billable), "utility", "")


@pytest.mark.parametrize("field", ["messages", "smb_message_echoes"])
def test_an_earlier_message_is_changed(field: str) -> None:
    def told(kind: str, body: dict[str, Any]) -> object:
        whole = [{**said(kind, {"original_message_id": "wamid.O", **body}), "to": NUMBER}]
        found = change(messages=whole) if field == "messages" else change(field, message_echoes=whole)
        return only(post(found))

    words = {"context": {"id": "wamid.P"}, "type": "text", "text": {"body": "às 16h"}}
    assert told("edit", {"message": words}) == Edited("edited", "wamid.O", "às 16h")
    caption = {"type": "image", "image": {"id": "m1", "caption": "assim"}}
    assert told("edit", {"message": caption}) == Edited("edited", "wamid.O", "assim")
    assert told("revoke", {}) == Deleted("deleted", "wamid.O")


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
    told = said("system", system)
    at = instant(told["timestamp"], NOW)
    assert only(post(change(messages=[told]))) == Linked("system", (USER, PN, new), at)
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
ANYTHING = json_of(st.sampled_from(KEYS), WORDS, wide=4, leaves=12)
OBJECT = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4)


def check(payload: dict[str, Any]) -> None:
    events = read(payload, NOW)
    assert events
    for found in events:
        assert isinstance(found, LineEvent)
        event = found.event
        if isinstance(event, ChatMessage):
            assert event.aliases
            must_hold(event, NOW)
            media_of(event.metadata)


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
