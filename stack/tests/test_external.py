"""Declaring the topology over AMQP gives the same queues as loading the definitions."""

from booka_common import topology
from booka_common.testing.servers import RabbitServer
from booka_stack.external import declare


async def test_declared_and_loaded_are_the_same(servers, worker_name):
    rabbit: RabbitServer = servers[1]
    loaded = rabbit.create_vhost(f"external-{worker_name}")
    await declare(loaded)  # would be refused if anything differed
    bare = f"bare-{worker_name}"
    rabbit.call("PUT", f"/api/vhosts/{bare}")
    rabbit.call("PUT", f"/api/permissions/{bare}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    await declare(rabbit.amqp_url(bare))
    queues = {
        queue["name"] for queue in rabbit.call("GET", f"/api/queues/{bare}?disable_stats=true&enable_queue_totals=true")
    }
    assert queues == {item["name"] for item in topology.definitions(topology.HEARS)["queues"]}
    bindings = [
        binding for binding in rabbit.call("GET", f"/api/bindings/{bare}") if binding["source"] == topology.EXCHANGE
    ]
    assert len(bindings) == len(topology.definitions(topology.HEARS)["bindings"])
