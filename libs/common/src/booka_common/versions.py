"""Versions over HTTP: an answer carries its thing's version as `ETag`, a change says in `If-Match` which one it was made for.

So two people who edit the same thing do not overwrite each other: the second is told 412 with the current version.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from booka_common.errors import Invalid, VersionConflict, VersionRequired

__all__ = ["ETAG", "IfMatch", "check_version", "etag", "if_match"]

_ETAG = re.compile(r'"([1-9][0-9]{0,8})"')

#: For `responses=` of a route: its answer carries an `ETag`.
ETAG = {"headers": {"ETag": {"description": "the version", "schema": {"type": "string", "example": '"3"'}}}}


async def if_match(
    request: Request,
    _shown: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='the version that the change was made for, as its ETag: `"3"`; needed for what exists already',
        ),
    ] = None,
) -> int | None:
    """A FastAPI dependency: the version in `If-Match`, None without one. Its refusal: 400 `if_match_malformed`."""
    given = request.headers.getlist("if-match")
    if not given:
        return None
    found = _ETAG.fullmatch(given[0].strip())
    if len(given) > 1 or found is None:
        raise Invalid('If-Match is not one version in quotes, e.g. "3"', code="if_match_malformed")
    return int(found[1])


IfMatch = Annotated[int | None, Depends(if_match)]


def etag(version: int) -> str:
    """`version` as an ETag."""
    return f'"{version}"'


def check_version(given: int | None, current: int | None) -> None:
    """Let a change through that was made for the `current` version (None: nothing is there yet, and none may be given).

    Call it under a lock that keeps `current` as it is until the change is written.

    Raises:
        VersionRequired: 428, nothing was given for something that exists.
        VersionConflict: 412, another version was given.
    """
    if given == current:
        return
    if given is None:
        raise VersionRequired("it exists already: say in If-Match which version the change was made for")
    what = "there is nothing of this id yet" if current is None else f"the current version is {current}"
    raise VersionConflict(f"the change was made for version {given}, {what}", version=current)
