"""What a service is. How it is put together and run is `booka_common.runtime`, which loads a great deal more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["Service", "system_clock"]


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is called and owns.

    Attributes:
        name: also its schema and the first word of its queues.
        package: where its migrations and queries are.
        description: one line for its API documents.
        system_tables: rights of the system role beyond the plumbing, see `booka_common.migrate`.
        shared_tables: where `Database.shared_tx` reaches beyond the plumbing.
        planner: settings of PostgreSQL's planner for the service's connections.
        keep: how long what is kept, by file and name of the statement of its package that removes what is older (`$1`, under
            the system role, once an hour).
    """

    name: str
    package: str
    description: str
    system_tables: Mapping[str, str] = field(default_factory=dict)
    shared_tables: tuple[str, ...] = ()
    planner: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[tuple[str, str], timedelta] = field(default_factory=dict)
