"""The FastAPI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.concurrency import run_in_threadpool
from tandem_runtime.health import Health
from tandem_runtime.http_telemetry import HttpTelemetry, route_templates

from payment_sandbox.body_limit import BodyLimit
from payment_sandbox.database import Database
from payment_sandbox.endpoints import router
from payment_sandbox.idempotency import Calls
from payment_sandbox.problems import handle_problems
from payment_sandbox.settings import Settings

MAX_BODY_BYTES = 16_384


def create_application(settings: Settings, health: Health, stopping: asyncio.Event) -> FastAPI:
    """Build the application; its database is open during the lifespan, answers in waiting end with `stopping`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = await run_in_threadpool(Database, settings.payment_database)
        health.add_check("database", database.reason_against)
        app.state.calls = Calls(database, stopping, settings.payment_latency_seconds)
        try:
            yield
        finally:
            await run_in_threadpool(database.close)

    app = FastAPI(
        title="Payment sandbox",
        version="1",
        description="A card payment provider to develop against. The last two digits of an amount choose its fate.",
        lifespan=lifespan,
        # FastAPI's own would be a second set of what tandem_runtime has.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.include_router(router)
    handle_problems(app)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(HttpTelemetry, route_template=route_templates(lambda: iter_route_contexts(app.routes)))
    return app
