"""How a visit is asked for over HTTP: services in order, each by somebody or by anyone."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field

from booka_common.contracts.booking import Want
from booka_common.errors import Invalid

__all__ = ["MAX_WANTS", "Wants", "WantsInQuery"]

MAX_WANTS = 10

Wants = Annotated[
    tuple[Want, ...],
    Field(min_length=1, max_length=MAX_WANTS, description="one after the other in this order; staff_id null: anyone"),
]


def _read(
    want: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=MAX_WANTS,
            description="a service, or `service:staff`; repeated for several services in one visit, in their order",
            examples=[["0198c0de-0000-7000-8000-000000000001"]],
        ),
    ],
) -> tuple[Want, ...]:
    found = []
    for item in want:
        service, colon, staff = item.partition(":")
        try:
            found.append(Want(service_id=UUID(service), staff_id=UUID(staff) if colon else None))
        except ValueError:
            raise Invalid("want is a service id, or `service id:staff id`", code="bad_want") from None
    return tuple(found)


WantsInQuery = Annotated[tuple[Want, ...], Depends(_read)]
