"""The kinds of gateways that there are. One more is a module (or a package) like `evolution`, and a line here."""

from booka_messaging.providers.cloud import CloudKind, MetaApp
from booka_messaging.providers.evolution import EvolutionKind
from booka_messaging.providers.kind import Kind
from booka_messaging.settings import Settings

__all__ = ["kinds_of_gateways"]


def kinds_of_gateways(settings: Settings) -> tuple[Kind, ...]:
    """All of them. The first one is meant where a channel's order names none."""
    meta_app = MetaApp(
        settings.secret_set("cloud_app_secrets"), settings.cloud_verify_tokens(), settings.cloud_graph_url.rstrip("/")
    )
    return (EvolutionKind(), CloudKind(meta_app))
