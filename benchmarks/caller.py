"""`python -m benchmarks.caller URL REQUESTS LANES`: post a text over and over, as a bare aiohttp client; prints the seconds."""

import asyncio
import sys
import time

import aiohttp
import uvloop

_BODY = {"number": "351900000000", "text": "Your visit is on Friday at 10:00. See you then!"}


async def _call(url: str, requests: int, lanes: int) -> float:
    left = iter(range(requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=lanes)) as client:

        async def lane() -> None:
            for _ in left:
                async with client.post(url, json=_BODY, headers={"apikey": "none"}) as answer:
                    await answer.read()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(lane())
        return time.perf_counter() - started


if __name__ == "__main__":
    print(uvloop.run(_call(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
