"""A RabbitMQ that is already running: the topology is declared over AMQP, where it cannot be loaded as definitions."""

import aio_pika

from booka_common import topology

__all__ = ["declare"]


async def declare(amqp_url: str) -> None:
    """Declare exchange, queues and bindings of all services. Repeating it changes nothing.

    Policies (dead-lettering by the broker, length limits) need RabbitMQ's management: import the output of
    `python -m booka_<service> topology` for them. Without them, services still move what they cannot handle to the
    dead-letter queues themselves.

    Raises:
        OSError, aiormq errors: the broker is away, or holds a queue of the same name and another kind.
    """
    wanted = topology.definitions(topology.HEARS)
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        exchanges = {
            item["name"]: await channel.declare_exchange(item["name"], item["type"], durable=item["durable"])
            for item in wanted["exchanges"]
        }
        queues = {
            item["name"]: await channel.declare_queue(item["name"], durable=True, arguments=item["arguments"])
            for item in wanted["queues"]
        }
        for item in wanted["bindings"]:
            await queues[item["destination"]].bind(exchanges[item["source"]], item["routing_key"])
