"""The API as its clients meet it: the real application behind a real port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from identity_provider import IdentityProvider
from tandem_api.application import create_app
from tandem_api.feed.cache import Cache
from tandem_api.settings import Settings
from tandem_runtime.health import Health

# Nobody listens there: the feed goes without events, as on a pod that lost Kafka.
NO_BROKER = "127.0.0.1:9"


@dataclass
class Api:
    app: FastAPI
    health: Health
    stopping: asyncio.Event
    client: httpx.AsyncClient
    provider: IdentityProvider

    @property
    def cache(self) -> Cache:
        cache: Cache = self.app.state.cache
        return cache

    def auth(self, customer_id: UUID | str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.provider.token(customer_id, **claims)}"}

    async def get(self, path: str, customer_id: UUID | None = None, **headers: str) -> httpx.Response:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers=headers | (self.auth(customer_id) if customer_id else {}))

    async def post(self, path: str, body: Any, customer_id: UUID, *, key: str | None = None) -> httpx.Response:
        headers = self.auth(customer_id) | {"Idempotency-Key": key or str(uuid4())}
        return await self.client.post(path, json=body, headers=headers)

    async def send(self, method: str, path: str, customer_id: UUID, body: Any = None) -> httpx.Response:
        return await self.client.request(method, path, json=body, headers=self.auth(customer_id))

    async def place(self, customer_id: UUID, *, key: str | None = None, **quantities: int) -> httpx.Response:
        """Order so many of each SKU, whose names have `_` for `-`."""
        lines = [{"sku": sku.replace("_", "-"), "quantity": quantity} for sku, quantity in quantities.items()]
        return await self.post("/v1/orders", {"lines": lines, "payment_token": "tok_visa"}, customer_id, key=key)

    @asynccontextmanager
    async def follow(self, order_id: UUID, customer_id: UUID, **claims: Any) -> AsyncIterator["EventReader"]:
        headers = self.auth(customer_id, **claims)
        async with self.client.stream("GET", f"/v1/orders/{order_id}/events", headers=headers) as response:
            yield EventReader(response)


class EventReader:
    """Reads server-sent events: each as a dict of its fields, a comment as {"comment": ...}."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, seconds: float = 5) -> dict[str, str] | None:
        """The next event, or None at the end of the stream; TimeoutError when neither comes."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(": ")
                fields[name or "comment"] = value
        return None


def api_settings(database_url: str, provider: IdentityProvider, **changes: Any) -> Settings:
    return Settings(
        **{
            "environment": "test",
            "database_url": database_url,
            "kafka_bootstrap_servers": NO_BROKER,
            "admin_url": provider.url,
            "feed_retry_seconds": 60,
            "catalogue_sample": 1,
            **changes,
        }
    )


@asynccontextmanager
async def running_api(settings: Settings, provider: IdentityProvider, *, wait: bool = True) -> AsyncIterator[Api]:
    """The API on a port of its own; with `wait`, from the moment it is ready."""
    health, stopping = Health(), asyncio.Event()
    app = create_app(settings, health, stopping)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5, lifespan="on", proxy_headers=False)
    )
    # Not `serve()`: that would take over the test run's signals.
    serving = asyncio.create_task(server._serve())
    try:
        while not server.started:
            assert not serving.done(), serving.exception()
            await asyncio.sleep(0.005)
        health.set_ready(True)
        port = server.servers[0].sockets[0].getsockname()[1]
        # A connection is not used again where the server may be closing it in the same moment, after 5 s.
        limits = httpx.Limits(keepalive_expiry=2)
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=60, verify=False, limits=limits) as client:
            api = Api(app, health, stopping, client, provider)
            if wait:
                await _ready(health)
            yield api
    finally:
        stopping.set()
        server.should_exit = True
        await serving


async def _ready(health: Health) -> None:
    async with asyncio.timeout(60):
        while not health.ready:
            await asyncio.sleep(0.005)
