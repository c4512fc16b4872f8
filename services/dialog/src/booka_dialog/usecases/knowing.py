"""What other services publish and dialog keeps, and what it has to forget."""

from booka_common.contracts.booking import CatalogueChanged
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import LlmSettingsChanged
from booka_common.contracts.messaging import ContactErased
from booka_dialog import store
from booka_dialog.usecases.taking import Deps

__all__ = ["forget", "keep_catalogue", "keep_llm_setting"]


async def keep_catalogue(deps: Deps, envelope: Envelope[CatalogueChanged]) -> None:
    """Know the salon's catalogue as booking published it last; its revision makes a repetition harmless."""
    async with deps.db.tx(envelope.tenant_id) as tx:
        await store.put_catalogue(tx, envelope.data)


async def keep_llm_setting(deps: Deps, envelope: Envelope[LlmSettingsChanged]) -> None:
    """Know whether the salon has the model switched on."""
    async with deps.db.tx(envelope.tenant_id) as tx:
        await store.put_llm_setting(tx, enabled=envelope.data.enabled, revision=envelope.data.revision)


async def forget(deps: Deps, envelope: Envelope[ContactErased]) -> None:
    """Know nothing any more of what was said in these conversations; repeated, it changes nothing."""
    for conversation_id in envelope.data.conversation_ids:
        async with deps.db.tx(envelope.tenant_id) as tx:
            await store.lock(tx, conversation_id)
            await store.forget(tx, conversation_id, now=deps.now())
