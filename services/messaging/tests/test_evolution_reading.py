"""Reading what Evolution API sends: every version's shapes, and anything at all without an exception."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_messaging.domain.evolution import read, read_stored
from booka_messaging.domain.media import Media, media_of, natural
from booka_messaging.domain.model import (
    Alias,
    ChatMessage,
    ConnectionChanged,
    Deleted,
    Echoed,
    Edited,
    Ignored,
    Receipt,
)

from .anything import json_of, must_hold
from .evolution_posts import GROUP_JID, LID, LID_JID, NOW, PN, PN_JID, ignored, message, upsert


@pytest.mark.parametrize(
    ("key", "aliases"),
    [
        ({"remoteJid": LID_JID}, {LID}),  # 2.2.x
        ({"remoteJid": LID_JID, "senderPn": PN_JID}, {LID, PN}),  # 2.3.0
        ({"remoteJid": LID_JID, "remoteJidAlt": PN_JID, "addressingMode": "lid"}, {LID, PN}),  # 2.3.6
        ({"remoteJid": PN_JID, "remoteJidAlt": PN_JID, "addressingMode": "lid"}, {PN}),  # 2.3.7
        ({"remoteJid": PN_JID, "remoteJidAlt": LID_JID, "addressingMode": "pn"}, {LID, PN}),  # 2.4
        ({"remoteJid": "351912345678:7@s.whatsapp.net"}, {PN}),
        ({"remoteJid": "351912345678@c.us"}, {PN}),
        ({"remoteJid": PN_JID, "remoteJidAlt": None, "senderPn": 5}, {PN}),
        ({"remoteJid": PN_JID, "senderPn": PN_JID, "previousRemoteJid": LID_JID}, {LID, PN}),  # 2.3.2 to 2.3.5
        ({"remoteJid": LID_JID, "participant": PN_JID}, {LID, PN}),
        ({"remoteJid": LID_JID, "participant": LID_JID, "participantAlt": PN_JID}, {LID, PN}),
        ({"remoteJid": LID_JID, "participantPn": PN_JID, "participantLid": LID_JID}, {LID, PN}),
        ({"remoteJid": LID_JID, "senderPn": "351210000000@s.whatsapp.net"}, {LID}),  # the salon's own number
        ({"remoteJid": "77001122334455:12@hosted.lid", "remoteJidAlt": "351912345678_1:0@hosted"}, {LID, PN}),
    ],
)
def test_aliases_of_every_version(key: dict[str, Any], aliases: set[Alias]) -> None:
    assert set(message(upsert(key=key)).aliases) == aliases


def test_the_number_may_stand_beside_the_key() -> None:
    assert set(message(upsert(key={"remoteJid": LID_JID}, senderPn=PN_JID)).aliases) == {LID, PN}


@pytest.mark.parametrize(
    ("jid", "reason"),
    [
        ("120363041234567890@g.us", "group"),
        ("status@broadcast", "broadcast"),
        ("1234567890@broadcast", "broadcast"),
        ("1234567890@newsletter", "newsletter"),
        ("", "unreadable"),
        ("x@lid", "unreadable"),
        ("1@lid", "unreadable"),
        ("351210000000@s.whatsapp.net", "chat"),
        ("0@s.whatsapp.net", "chat"),  # WhatsApp's own notices
        ("867051314767696@bot", "chat"),
        (None, "unreadable"),
        (7, "unreadable"),
    ],
)
def test_only_chats_with_one_person_count(jid: object, reason: str) -> None:
    for participant in ({}, {"participant": LID_JID, "participantAlt": PN_JID}):
        assert read(upsert(key={"remoteJid": jid, **participant}), NOW) == (Ignored(reason),)


CONTENT: list[tuple[dict[str, Any], tuple[str, str, str | None]]] = [
    ({"conversation": "oi"}, ("text", "oi", None)),
    ({"extendedTextMessage": {"text": "olá"}}, ("text", "olá", None)),
    ({"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "olá"}}}}, ("text", "olá", None)),
    ({"messageContextInfo": {}, "conversation": "oi"}, ("text", "oi", None)),
    (
        {"listResponseMessage": {"title": "10:00", "singleSelectReply": {"selectedRowId": "slot-3"}}},
        ("choice", "10:00", "slot-3"),
    ),
    ({"buttonsResponseMessage": {"selectedButtonId": "yes", "selectedDisplayText": "Sim"}}, ("choice", "Sim", "yes")),
    ({"templateButtonReplyMessage": {"selectedId": "no", "selectedDisplayText": "Não"}}, ("choice", "Não", "no")),
    (
        {
            "interactiveResponseMessage": {
                "body": {"text": "Corte"},
                "nativeFlowResponseMessage": {"paramsJson": '{"id": "svc-1"}'},
            }
        },
        ("choice", "Corte", "svc-1"),
    ),
    ({"listResponseMessage": {"title": "10:00"}}, ("choice", "10:00", None)),
    ({"audioMessage": {"seconds": 3, "ptt": True}}, ("audio", "", None)),
    ({"audioMessage": {"seconds": 3}, "speechToText": "[audio] quero marcar"}, ("audio", "quero marcar", None)),
    ({"imageMessage": {"caption": "assim", "jpegThumbnail": "AAAA"}}, ("image", "assim", None)),
    ({"videoMessage": {}}, ("video", "", None)),
    ({"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "veja"}}}}, ("document", "veja", None)),
    (
        {"locationMessage": {"degreesLatitude": 38.7, "degreesLongitude": -9.1, "name": "Baixa"}},
        ("location", "Baixa", None),
    ),
    ({"stickerMessage": {}}, ("other", "", None)),
    ({"contactMessage": {"displayName": "Eva"}}, ("other", "", None)),
]


@pytest.mark.parametrize(("body", "expected"), CONTENT)
def test_kinds_of_content(body: dict[str, Any], expected: tuple[str, str, str | None]) -> None:
    read_as = message(upsert(body))
    assert (read_as.kind, read_as.text, read_as.choice_id) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"protocolMessage": {"type": "REVOKE"}},
        {"editedMessage": {}},
        {"senderKeyDistributionMessage": {}},
        {"messageContextInfo": {}},
        {"secretEncryptedMessage": {"targetMessageKey": {"id": "A"}}, "messageContextInfo": {}},  # an edit, in 2.3.7
        {"albumMessage": {"expectedImageCount": 2}},
        {"callLogMesssage": {"isVideo": False}},
        {"conversation": None},
        {},
        "text",
    ],
)
def test_signals_between_phones_are_ignored(body: Any) -> None:
    assert ignored(upsert(body))


def test_a_picture_of_an_album_is_a_picture() -> None:
    read_as = message(upsert({"associatedChildMessage": {"message": {"imageMessage": {"caption": "assim"}}}}))
    assert (read_as.kind, read_as.text) == ("image", "assim")


def test_a_reaction_is_no_message() -> None:
    assert read(upsert({"reactionMessage": {"text": "👍"}}), NOW) == (Ignored("reaction"),)


def test_what_the_salon_types_itself() -> None:
    typed = message(upsert(key={"fromMe": True, "senderPn": "351210000000@s.whatsapp.net"}, pushName="Você"))
    assert (typed.author, typed.name, typed.aliases) == ("salon", None, (PN,))
    own = {"senderLid": "99001122334455@lid", "participant": "99001122334455@lid"}
    assert message(upsert(key={"fromMe": True, **own})).aliases == (PN,), "these name the author, which is the salon"
    assert ignored(upsert(key={"fromMe": True, "remoteJid": "351210000000@s.whatsapp.net"})), "notes to oneself"


def test_what_goes_out_through_the_gateway_is_an_echo_and_no_takeover() -> None:
    payload = {**upsert(key={"fromMe": True, "id": "3EB0"}, status="PENDING"), "event": "send.message"}
    (echo,) = read(payload, NOW)
    assert isinstance(echo, Echoed)
    assert (echo.provider_id, echo.aliases, echo.text) == ("3EB0", (PN,), "bom dia")
    assert read({**upsert(), "event": "send.message"}, NOW) == (Ignored("event"),)


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        (
            "messages.edited",
            {
                "key": {"id": "A1"},
                "type": "MESSAGE_EDIT",
                "editedMessage": {"conversation": "às 16h"},
                "timestampMs": 1,
            },
            Edited("edited", "A1", "às 16h"),
        ),
        (
            "messages.edited",
            {"key": {"id": "A1"}, "editedMessage": {"extendedTextMessage": {"text": "às 16h"}}},
            Edited("edited", "A1", "às 16h"),
        ),
        ("messages.edited", {"key": {"id": "A1"}, "type": "REVOKE"}, Deleted("deleted", "A1")),
        ("messages.edited", {"key": {"id": "A1"}, "type": 0}, Deleted("deleted", "A1")),
        ("messages.edited", {"key": {"id": "A1"}, "type": False}, Ignored("protocol")),
        ("messages.edited", {"type": "HISTORY_SYNC_NOTIFICATION"}, Ignored("shape")),
        ("messages.delete", {"remoteJid": PN_JID, "fromMe": False, "id": "A1"}, Deleted("deleted", "A1")),
        ("messages.delete", {"id": "A1", "status": "DELETED"}, Deleted("deleted", "A1")),
        ("messages.delete", {"key": {"id": "A1"}}, Deleted("deleted", "A1")),
        ("messages.delete", {"remoteJid": GROUP_JID, "id": "A1"}, Ignored("group")),
        ("messages.delete", {"key": {"id": "A1", "remoteJid": GROUP_JID}}, Ignored("group")),
        (
            "messages.edited",
            {"key": {"id": "A1", "remoteJid": GROUP_JID}, "editedMessage": {"conversation": "x"}},
            Ignored("group"),
        ),
        ("messages.delete", [], Ignored("empty")),
        ("messages.delete", None, Ignored("shape")),
    ],
)
def test_edits_and_deletions_name_the_message_and_ask_for_no_answer(event: str, data: Any, expected: Ignored) -> None:
    assert read({"event": event, "data": data}, NOW) == (expected,)


def test_a_voice_note_can_be_told_from_a_file_and_found_again() -> None:
    note = {"mimetype": "audio/ogg; codecs=opus", "seconds": 4, "ptt": True, "fileLength": {"low": 9120, "high": 0}}
    metadata = message(upsert({"audioMessage": note})).metadata
    assert media_of(json.loads(json.dumps(metadata))) == Media(
        "A1", mime_type="audio/ogg; codecs=opus", bytes=9120, seconds=4, voice=True
    )
    assert media_of(message(upsert()).metadata) is None
    assert media_of({"media": {"mime_type": "x"}}) is None
    for wrong in (-1, True, "x", "-5", float("nan"), 2**60, None, [], "9" * 16):
        assert natural(wrong) is None
    place = message(upsert({"locationMessage": {"degreesLatitude": 38.7, "degreesLongitude": -9.1}})).metadata
    assert place["place"] == {"latitude": 38.7, "longitude": -9.1}


@pytest.mark.parametrize(
    ("push_name", "name"),
    [
        ("Rui", "Rui"),
        ("  Rui \n Melo ", "Rui Melo"),
        ("Você", None),
        ("77001122334455", None),
        ("+351 912 345 678", None),
        ("", None),
        (None, None),
        (8, None),
        ("R\x00ui", "Rui"),
    ],
)
def test_names(push_name: object, name: str | None) -> None:
    assert message(upsert(pushName=push_name)).name == name


@pytest.mark.parametrize(
    ("timestamp", "sent_at"),
    [
        (1772442000, datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("1772441999", datetime(2026, 3, 2, 8, 59, 59, tzinfo=UTC)),
        (1772441999000, datetime(2026, 3, 2, 8, 59, 59, tzinfo=UTC)),
        ({"low": 1772441999, "high": 0}, datetime(2026, 3, 2, 8, 59, 59, tzinfo=UTC)),
        (1772442000 + 3600, NOW),
        (None, NOW),
        (True, NOW),
        (-4, NOW),
        (float("nan"), NOW),
        (1e300, NOW),
        ("soon", NOW),
    ],
)
def test_times(timestamp: object, sent_at: datetime) -> None:
    assert message(upsert(messageTimestamp=timestamp)).sent_at == sent_at


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert", "Messages.Upsert"])
def test_spellings_of_an_event(event: str) -> None:
    assert isinstance(read({**upsert(), "event": event}, NOW)[0], ChatMessage)
    assert isinstance(read({**upsert(), "event": None}, NOW, path_event=event)[0], ChatMessage)


@pytest.mark.parametrize(
    "event", ["send.message", "messages.set", "presence.update", "call", "", None, 5, "contacts.upsert"]
)
def test_other_events_are_ignored(event: object) -> None:
    assert ignored({**upsert(), "event": event})


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("DELIVERY_ACK", Receipt("K", "delivered")),
        ("READ", Receipt("K", "read")),
        ("PLAYED", Receipt("K", "read")),
        ("SERVER_ACK", Receipt("K", "sent")),
        ("ERROR", Receipt("K", "failed")),
        ("PENDING", Ignored("receipt")),
        ("DELETED", Deleted("deleted", "K")),
        (["READ"], Ignored("receipt")),
    ],
)
def test_receipts(status: object, event: object) -> None:
    data = {"keyId": "K", "messageId": "cuid", "fromMe": True, "status": status}
    assert read({"event": "messages.update", "data": data}, NOW) == (event,)


def test_receipts_of_the_clients_messages_are_not_ours() -> None:
    data = {"keyId": "K", "fromMe": False, "status": "READ"}
    assert ignored({"event": "messages.update", "data": data})


def test_connection() -> None:
    payload = {"event": "connection.update", "data": {"state": "close", "statusReason": 401}}
    assert read(payload, NOW) == (ConnectionChanged("close", "401"),)


def test_a_pairing_that_whatsapp_refused_leaves_the_line_closed() -> None:
    """Of a line, `refused` says that the gateway does not know it or its key."""
    payload = {**upsert(), "event": "connection.update", "data": {"state": "refused", "statusReason": 428}}
    assert read(payload, NOW) == (ConnectionChanged("close", "428"),)


def test_several_in_one_body() -> None:
    payload = upsert()
    payload["data"] = [payload["data"], {**payload["data"], "key": {"remoteJid": LID_JID, "id": "A2"}}]
    assert [event.provider_id for event in read(payload, NOW) if isinstance(event, ChatMessage)] == ["A1", "A2"]


def test_metadata_holds_chosen_facts_and_no_secret() -> None:
    secret = "do-not-keep"
    media = {"mimetype": "audio/ogg", "seconds": 4, "mediaKey": secret, "url": secret, "jpegThumbnail": secret}
    payload = upsert(
        {"audioMessage": media, "base64": secret, "mediaUrl": secret},
        source="ios",
        apikey=secret,
        chatwootToken=secret,
        contextInfo={"stanzaId": "Q1", "quotedMessage": secret},
    )
    kept = message({**payload, "apikey": secret}).metadata
    assert secret not in json.dumps(kept)
    assert kept == {
        "type": "audioMessage",
        "source": "ios",
        "remoteJid": PN_JID,
        "quoted": "Q1",
        "media": {"ref": "A1", "mime_type": "audio/ogg", "seconds": 4},
    }


def test_long_and_broken_texts_fit_the_contract_and_the_database() -> None:
    text = message(upsert({"conversation": "a\x00\ud800" + "é" * 9000})).text
    assert text.startswith("a?é")
    assert len(text) == 4096
    text.encode()


def test_stored_messages_of_ours() -> None:
    record = upsert(key={"fromMe": True})["data"]
    found = read_stored(record, NOW)
    assert found is not None
    assert (found.provider_id, found.text, found.aliases) == ("A1", "bom dia", (PN,))
    assert read_stored(upsert()["data"], NOW) is None
    assert read_stored(None, NOW) is None


KEYS = (
    "event", "instance", "data", "sender", "key", "id", "remoteJid", "remoteJidAlt", "senderPn", "fromMe", "message",
    "conversation", "extendedTextMessage", "listResponseMessage", "singleSelectReply", "audioMessage", "ephemeralMessage",
    "interactiveResponseMessage", "nativeFlowResponseMessage", "paramsJson", "messageType", "messageTimestamp", "low",
    "pushName", "seconds", "mimetype", "contextInfo", "stanzaId", "status", "keyId", "state", "statusReason", "speechToText",
    "text", "title", "participant", "participantAlt", "previousRemoteJid", "editedMessage", "type",
)  # fmt: skip
WORDS = (
    "messages.upsert", "messages.update", "connection.update", "MESSAGES_UPSERT", "send.message", "messages.edited",
    "messages.delete", "REVOKE", "1@g.us", PN_JID, LID_JID, "READ", "open", "{}",
    "conversation", "audioMessage", "\x00", "\ud83d",
)  # fmt: skip
NAMES = [name for content, _ in CONTENT for name in content]
ANYTHING = json_of(st.sampled_from(KEYS) | st.text(max_size=5), WORDS, wide=6, leaves=25)


def check(payload: dict[str, Any]) -> None:
    events = read(payload, NOW)
    assert events
    for event in events:
        if isinstance(event, ChatMessage):
            must_hold(event, NOW)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), ANYTHING, max_size=6))
def test_any_json_is_read_without_an_exception(payload: dict[str, Any]) -> None:
    check(payload)


@settings(max_examples=200, deadline=None)
@given(
    body=ANYTHING,
    key=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
    data=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
    kind=st.sampled_from(NAMES),
)
def test_almost_good_messages_are_read_without_an_exception(
    body: Any, key: dict[str, Any], data: dict[str, Any], kind: str
) -> None:
    payload = upsert({kind: body}, key=key)
    check(payload)
    payload["data"].update(data)
    check(payload)
