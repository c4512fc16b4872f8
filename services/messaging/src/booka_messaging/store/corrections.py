"""Messages that were edited or taken back afterwards."""

from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["correct"]

queries = load_queries("booka_messaging", "queries/corrections.sql")


async def correct(tx: Tx, channel_id: UUID, provider_id: str, text: str | None, *, at: datetime) -> bool | None:
    """Give a stored message the text that it was given at `at`, or empty it; False: nothing changed.

    Args:
        text: None if the message was taken back.

    Returns:
        None if there is no message of this id yet.
    """
    of = (tx.tenant_id, channel_id, provider_id)
    found = await tx.fetch(queries["corrected_lock"], *of)
    if not found:
        return None
    if any(row["erased"] for row in found):
        return False
    if text is None:
        return bool(await tx.fetch(queries["message_delete"], *of, at))
    return bool(await tx.fetch(queries["message_edit"], *of, text, at))
