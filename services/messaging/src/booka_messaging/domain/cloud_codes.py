"""What the error codes of WhatsApp's Cloud API mean for a message: whether to try again, when, and what to call it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = ["Verdict", "failure", "verdict"]

Meaning = Literal["never", "later", "line_down", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an error code.

    Attributes:
        meaning: `never`: this message will not be taken. `later`: it was not taken, and may be. `line_down`: nothing can be
            sent on this line until an operator acts. `unknown`: Meta itself does not know whether it took it.
        code: ours, stable; for `never` the code of the failed message.
        delay: how long to wait at least; None: the usual backoff.
    """

    meaning: Meaning
    code: str
    delay: timedelta | None = None


_NEVER: Mapping[int, str] = {
    131021: "recipient_unknown",  # our own number
    131026: "recipient_unknown",
    131030: "recipient_unknown",  # a test number may write to listed ones only
    131047: "window_closed",
    130472: "withheld",  # Meta keeps marketing from people who had enough of it
    131049: "withheld",
    131050: "opted_out",
    132000: "template_rejected",
    132001: "template_rejected",
    132005: "template_rejected",
    132007: "template_rejected",
    132012: "template_rejected",
    132015: "template_rejected",
    132016: "template_rejected",
}
_LATER: Mapping[int, timedelta | None] = {
    4: timedelta(minutes=1),
    80007: timedelta(minutes=1),
    130429: None,
    131016: None,
    131048: timedelta(minutes=15),
    131056: timedelta(seconds=6),  # one message in 6 s to the same person
    131057: timedelta(minutes=1),
    133004: None,
}
#: The token, the permissions, the account or its payment. All messages of the line wait for a person.
_LINE_DOWN = frozenset({0, 3, 10, 190, 368, 131005, 131031, 131042, 131045, 133010, *range(200, 300)})
_LINE_DOWN_DELAY = timedelta(minutes=1)
_UNKNOWN = frozenset({1, 2, 131000})


def verdict(code: int | None, status: int = 400, *, transient: bool = False) -> Verdict:
    """What an error means.

    Args:
        code: Graph API's; None if the answer had none.
        status: the HTTP status of the answer; 400 for a status that came over the webhook.
        transient: whether the answer says of itself that it will pass.
    """
    if code is not None:
        if code in _NEVER:
            return Verdict("never", _NEVER[code])
        if code in _LATER:
            return Verdict("later", f"refused_{code}", _LATER[code])
        if code in _LINE_DOWN:
            return Verdict("line_down", f"line_{code}", _LINE_DOWN_DELAY)
        if code in _UNKNOWN:
            return Verdict("unknown", f"refused_{code}")
    name = f"refused_{status if code is None else code}"
    if status == 429:
        return Verdict("later", name)
    if status in (401, 403):
        return Verdict("line_down", f"line_{status if code is None else code}", _LINE_DOWN_DELAY)
    if status >= 500 or status in (408, 425):
        return Verdict("unknown", name)
    return Verdict("later" if transient else "never", name)


def failure(code: int | None) -> Verdict:
    """What follows for a message that Meta accepted and then reported as failed: that it did not arrive is certain."""
    return Verdict("never", "gateway_error") if code is None else verdict(code)
