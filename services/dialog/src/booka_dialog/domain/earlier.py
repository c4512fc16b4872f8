"""Sessions that an earlier version stored: one service with one person, and slots of one person."""

from typing import Any

__all__ = ["brought_up_to_date"]


def brought_up_to_date(document: dict[str, Any]) -> dict[str, Any]:
    """A stored session in the present form. What is in the present form already comes back as it is."""
    found = dict(document)
    if "service_id" in found:
        chosen = None if found.pop("staff_implied", False) else found.pop("staff_id", None)
        wish = {"service_id": found.pop("service_id"), "staff_id": chosen, "anyone": found.pop("any_staff", False)}
        found["wishes"] = [wish] if wish["service_id"] else []
        found.pop("staff_id", None)
    if "slots" in found:
        found["slots"] = [_slot(slot) for slot in found["slots"]]
    if found.get("chosen"):
        found["chosen"] = _slot(found["chosen"])
    return found


def _slot(slot: dict[str, Any]) -> dict[str, Any]:
    if "staff_ids" in slot:
        return slot
    return {
        "start": slot["start"],
        "end": slot["end"],
        "staff_ids": [slot["staff_id"]],
        "staff_names": [slot["staff_name"]],
    }
