"""Somebody on the waiting list, and what booking says to them."""

from datetime import timedelta
from typing import Any

from booka_common.contracts.waitlist import (
    WaitlistJoined,
    WaitlistLeft,
    WaitlistOffered,
    WaitlistRequested,
)
from booka_common.ids import new_id

from .house import FRIDAY_15


def joined(talk: Any) -> str:
    request = talk.one(WaitlistRequested)
    return str(
        talk.take(
            WaitlistJoined(
                entry_id=new_id(),
                request_id=request.request_id,
                conversation_id=request.conversation_id,
                first_day=request.first_day,
                last_day=request.last_day,
            )
        )
    )


def on_the_list(talk: Any) -> None:
    talk.says("put me on the waiting list for a haircut with Ana on friday")
    talk.says("yes")
    joined(talk)


def offer_of(talk: Any, **fields: Any) -> WaitlistOffered:
    return WaitlistOffered(
        **{
            "entry_id": talk.session.listed[0].entry_id if talk.session.listed else new_id(),
            "reservation_id": new_id(),
            "conversation_id": talk.session.conversation_id,
            "contact_id": new_id(),
            "version": 1,
            "service_ids": (talk.house.services["Haircut"],),
            "visit": talk.house.visit(FRIDAY_15),
            "expires_at": talk.now + timedelta(minutes=15),
            **fields,
        }
    )


def left(talk: Any, reason: Any) -> WaitlistLeft:
    return WaitlistLeft(
        entry_id=talk.session.listed[0].entry_id, conversation_id=talk.session.conversation_id, reason=reason
    )
