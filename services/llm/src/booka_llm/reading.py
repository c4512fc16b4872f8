"""What a model answered, taken apart without trusting any of it.

An answer is usable if it is a JSON object with a known intent. Of the rest, whatever does not fit is dropped: a key that
was not offered, a date that is none, a name that the client did not write.
"""

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from booka_common.contracts.llm import Intent, InterpretationReady, InterpretationRequested
from booka_llm.context import Prompt

__all__ = ["UnusableAnswer", "read"]

_NOT_A_NAME = re.compile(r"[\d<>{}\[\]\\/@:]|www\.")


class UnusableAnswer(ValueError):
    """Not the JSON that was asked for. Says what is wrong, not what the model wrote."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    intent: Intent
    service_id: str | None = None
    staff_id: str | None = None
    any_staff: bool = False
    day: date | None = None
    time_from: time | None = None
    time_until: time | None = None
    name: str | None = Field(None, min_length=1, max_length=120)

    @field_validator("service_id", "staff_id", "day", "time_from", "time_until", "name", mode="wrap")
    @classmethod
    def _or_nothing(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value) if isinstance(value, str) else None
        except ValidationError:
            return None

    @field_validator("any_staff", mode="before")
    @classmethod
    def _only_true_is_true(cls, value: Any) -> bool:
        return value is True


def read(answer: str, prompt: Prompt, request: InterpretationRequested) -> InterpretationReady:
    """The reading of `request` that the model gave.

    Raises:
        UnusableAnswer: no JSON object with a known intent.
    """
    try:
        found = _Answer.model_validate_json(answer)
    except ValidationError as error:
        wrong = ", ".join(f"{'.'.join(map(str, item['loc'])) or 'answer'}: {item['type']}" for item in error.errors())
        raise UnusableAnswer(wrong[:200]) from None
    staff_id = _pick(found.staff_id, prompt.staff)
    return InterpretationReady(
        request_id=request.request_id,
        conversation_id=request.conversation_id,
        intent=found.intent,
        service_id=_pick(found.service_id, prompt.services),
        staff_id=staff_id,
        any_staff=found.any_staff and staff_id is None,
        day=found.day,
        time_from=found.time_from.replace(tzinfo=None) if found.time_from else None,
        time_until=found.time_until.replace(tzinfo=None) if found.time_until else None,
        name=_own_name(found.name, prompt.text),
    )


def _pick(given: str | None, offered: Mapping[str, UUID]) -> UUID | None:
    """What a key stands for. Endpoints that do not enforce the schema may answer with the id itself."""
    if given is None:
        return None
    return offered.get(given) or next((id for id in offered.values() if str(id) == given), None)


def _own_name(name: str | None, text: str) -> str | None:
    """A name only in the client's own words, so that nobody can have the salon say something."""
    words = " ".join((name or "").split())
    if not words or len(words) > 60 or _NOT_A_NAME.search(words):
        return None
    return words if words.casefold() in " ".join(text.split()).casefold() else None
