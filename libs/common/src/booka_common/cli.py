"""`python -m booka_<service> serve | migrate | topology | asyncapi`: the same four commands for every service.

Each loads what it needs: `migrate` runs before every start, and a whole service takes most of a second to be imported.
"""

import argparse
import asyncio
import gc
import importlib
import signal
import sys
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import SecretStr, ValidationError

from booka_common.migrate import SchemaRefused, migrate
from booka_common.observability import configure_logging
from booka_common.service import Service
from booka_common.settings import ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

__all__ = ["REFUSED", "main", "tidy_less"]

#: The exit code of `migrate` if the schema is not one that it can bring up to date.
REFUSED = 3


def main(service: Service, settings_type: type[ServiceSettings]) -> None:
    """Run one command of `service`. The only place that reads the environment.

    The module `app` of its package brings `create_app(settings)`, and `describe(consumers)`, which registers its subscribers
    on a `Consumers` that is never started, for the AsyncAPI document.
    """
    parser = argparse.ArgumentParser(prog=f"booka_{service.name}", description=service.description)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve HTTP, consume, relay and work")
    commands.add_parser("migrate", help="bring the schema up to date")
    commands.add_parser("topology", help="print the RabbitMQ definitions of this service's queues")
    commands.add_parser("asyncapi", help="print the AsyncAPI document")
    command = parser.parse_args().command
    if command == "topology":
        _print(_topology(service))
        return
    if command == "asyncapi":
        _print(_asyncapi(service))
        return
    try:
        settings = settings_type()
    except ValidationError as error:
        for item in error.errors():
            name = settings_type.variable(str(item["loc"][0])) if item["loc"] else service.name
            sys.stderr.write(f"{name}: {item['msg']}\n")
        raise SystemExit(2) from None
    configure_logging(service.name, settings.log_level)
    if command == "migrate":
        asyncio.run(_migrate(service, settings))
    else:
        _serve(service, settings)


def _app(service: Service) -> Any:
    return importlib.import_module(f"{service.package}.app")


def _topology(service: Service) -> object:
    from booka_common import topology

    return topology.definitions([service.name])


def _asyncapi(service: Service) -> object:
    from booka_common.consuming import Consumers
    from booka_common.faults import FaultPoints
    from booka_common.observability import Metrics

    consumers = Consumers(service.name, "amqp://localhost/", Metrics(service.name), FaultPoints())
    _app(service).describe(consumers)
    return orjson.loads(consumers.asyncapi().to_specification().to_json())


def _serve(service: Service, settings: ServiceSettings) -> None:
    import uvicorn

    from booka_common.serving import OnePiece, straight

    # uvicorn drains on SIGTERM and then raises the signal again: an ordered stop is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def app() -> "ASGIApp":
        created: FastAPI = _app(service).create_app(settings)
        tidy_less()
        return straight(created)

    uvicorn.run(
        app,
        factory=True,
        interface="asgi3",
        http=OnePiece,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks for the caller's address
        timeout_keep_alive=61,
        timeout_graceful_shutdown=20,
    )


def tidy_less() -> None:
    """Have Python look for cyclic garbage seldom, and never among what was loaded to start.

    Left to itself it looks after every 700 new objects, many times a turn, and that is a tenth of a service's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


async def _migrate(service: Service, settings: ServiceSettings) -> None:
    admin: SecretStr = settings.migrate_url or settings.database_url
    try:
        await migrate(
            admin.get_secret_value(),
            settings.database_url.get_secret_value(),
            schema=service.name,
            package=service.package,
            system_tables=service.system_tables,
            shared_tables=service.shared_tables,
        )
    except SchemaRefused as error:
        sys.stderr.write(f"{service.name}: the schema was not migrated: {error}\n")
        raise SystemExit(REFUSED) from None


def _print(document: object) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
