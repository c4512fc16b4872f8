"""A Booka for the time of a test or a measurement, on free ports and in a folder that goes with it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from booka_stack.layout import SERVICES, Layout
from booka_stack.stack import Stack

__all__ = ["temporary_stack"]


@contextmanager
def temporary_stack(
    *, replicas: int = 1, services: Sequence[str] = SERVICES, retry_scale: float = 0.02, **environment: str
) -> Iterator[Stack]:
    """Run a stack without fsync until the block ends.

    Args:
        retry_scale: of the sandbox's webhook retries; see `Layout`.
        environment: added to every service. A job whose worker died is taken over after 3 s unless it says otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="booka-e2e-", ignore_cleanup_errors=True) as folder:
        layout = Layout.private(Path(folder), retry_scale=retry_scale, **{"JOB_LEASE_SECONDS": "3", **environment})
        with Stack(layout, replicas=replicas, services=services, durable=False) as started:
            yield started
