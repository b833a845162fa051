"""Customers who place orders over HTTP: each waits for its answer, or they come at their own pace."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid4

import aiohttp

from benchmarks.measuring.store import basket

CREATED, UNAVAILABLE = 201, 503


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that was answered 201 after so many `seconds`; `at` is when, by `time.time()`."""

    order_id: UUID
    key: str
    seconds: float
    at: float


@dataclass(slots=True)
class Load:
    """What the clients saw, and what they themselves cost."""

    accepted: list[Accepted] = field(default_factory=list)
    refused: int = 0
    """Answers 503: what a service that has too much to do says."""
    seconds: float = 0
    processor_seconds: float = 0

    @property
    def rate(self) -> float:
        return len(self.accepted) / self.seconds


class Clients:
    """Each has a token of its own and keeps its connection; `urls` are those of one process or of several."""

    def __init__(self, urls: Sequence[str], tokens: Sequence[str], *, seed: int = 0) -> None:
        self._urls = urls
        self._tokens = tokens
        self._random = Random(seed)

    async def in_turn(self, clients: int, seconds: float) -> Load:
        """So many clients place one order after the other, each when the last one is answered, and one at least."""
        load = Load()
        async with self._session() as session:
            spent, began = time.process_time(), time.monotonic()

            async def order_on(client: int) -> None:
                while True:
                    await self._place(session, client, load)
                    if time.monotonic() > began + seconds:
                        return

            async with asyncio.TaskGroup() as group:
                for client in range(clients):
                    group.create_task(order_on(client))
            load.seconds = time.monotonic() - began
            load.processor_seconds = time.process_time() - spent
        return load

    async def at_pace(self, orders_a_second: float, seconds: float) -> Load:
        """Orders come at random moments, so many a second on average, whether or not earlier ones are answered."""
        load = Load(seconds=seconds)
        async with self._session() as session, asyncio.TaskGroup() as group:
            began = time.monotonic()
            due = began + self._random.expovariate(orders_a_second)
            while due < began + seconds:
                await asyncio.sleep(max(0, due - time.monotonic()))
                group.create_task(self._place(session, self._random.randrange(len(self._tokens)), load))
                due += self._random.expovariate(orders_a_second)
        return load

    def _session(self) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        session: AbstractAsyncContextManager[aiohttp.ClientSession] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
        )
        return session

    async def _place(self, session: aiohttp.ClientSession, client: int, load: Load) -> None:
        """Place an order; an answer other than 201 ends the measurement, since it would be about something else."""
        url = self._urls[client % len(self._urls)]
        key = str(uuid4())
        headers = {"Authorization": f"Bearer {self._tokens[client % len(self._tokens)]}", "Idempotency-Key": key}
        began = time.perf_counter()
        async with session.post(f"{url}/v1/orders", json=basket(self._random), headers=headers) as answer:
            body = await answer.text()
        if answer.status == UNAVAILABLE:
            load.refused += 1
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            return
        if answer.status != CREATED:
            raise RuntimeError(f"{url} answered {answer.status}: {body[:500]}")
        load.accepted.append(Accepted(UUID(json.loads(body)["id"]), key, time.perf_counter() - began, time.time()))
