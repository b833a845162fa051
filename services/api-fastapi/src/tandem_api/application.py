"""The FastAPI application and what it holds while it serves."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from importlib import metadata

import httpx
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from tandem_runtime.health import Health
from tandem_runtime.http_spans import Sample
from tandem_runtime.http_telemetry import HttpTelemetry, route_templates

from tandem_api.addresses.endpoints import router as addresses
from tandem_api.catalog.endpoints import router as catalogue
from tandem_api.catalog.remembered_answers import RememberedAnswers
from tandem_api.catalog.search_endpoints import router as search
from tandem_api.content.endpoints import router as content
from tandem_api.database import Database
from tandem_api.documentation import serve_documentation
from tandem_api.feed.cache import Cache
from tandem_api.feed.feed import Feed
from tandem_api.identity.endpoints import router as customers
from tandem_api.identity.jwks import SigningKeys
from tandem_api.identity.principal import Identity
from tandem_api.openapi import DESCRIPTION, describer
from tandem_api.orders.endpoints import router as orders
from tandem_api.orders.stream_endpoints import router as order_events
from tandem_api.orders.streams import Streams
from tandem_api.orders.wakeups import Wakeups
from tandem_api.partners.endpoints import router as partners
from tandem_api.problems.endpoints import router as problem_pages
from tandem_api.problems.handlers import handle_problems
from tandem_api.rate_limits.admission import limit_rate
from tandem_api.rate_limits.classes import RouteClass, route_classes
from tandem_api.rate_limits.limiter import RateLimiter
from tandem_api.settings import Settings
from tandem_api.transport.admission import Admission
from tandem_api.transport.arrival import Arrival
from tandem_api.transport.body_limit import BodyLimit
from tandem_api.transport.deadline import Deadline
from tandem_api.transport.methods import Methods, allowed_methods
from tandem_api.transport.security_headers import SecurityHeaders
from tandem_api.webhooks.endpoints import router as webhooks

# What no request for reaches the database.
FROM_MEMORY = ("/v1/products", "/v1/categories", "/v1/home", "/v1/pages")
# What a script in a browser may read of an answer, beside what it always may.
EXPOSED_HEADERS = (
    "Age",
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-ID",
)


def create_app(settings: Settings, health: Health | None = None, stopping: asyncio.Event | None = None) -> FastAPI:
    """Build the application. It connects to nothing before its lifespan starts.

    `health` gets the check that the cache is loaded; `stopping` ends the event streams, which the server would
    otherwise wait for.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, health or Health(), stopping or asyncio.Event()):
            yield

    app = FastAPI(
        title="Tandem API",
        version=metadata.version("tandem-api"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # one address for each thing; a POST does not survive a redirect well
        # FastAPI's own would be a second set of what tandem_runtime has.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(limit_rate)])
    for router in (catalogue, search, content, orders, order_events, customers, addresses, partners, webhooks):
        v1.include_router(router)
    app.include_router(v1)
    app.include_router(problem_pages)
    serve_documentation(app, settings.admin_url)
    app.openapi = describer(app, settings)  # type: ignore[method-assign]
    handle_problems(app, settings.api_url)
    template = route_templates(lambda: iter_route_contexts(app.routes))
    app.state.route_class = route_classes(app.openapi, template)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    app.add_middleware(Deadline, seconds=settings.request_seconds, api_url=settings.api_url)
    app.add_middleware(Admission, limit=settings.request_limit, api_url=settings.api_url)
    app.add_middleware(RememberedAnswers, api_url=settings.api_url)
    app.add_middleware(Methods, route_template=template, allowed=allowed_methods(lambda: _routes(app)))
    app.add_middleware(SecurityHeaders, https=settings.api_url.startswith("https:"))
    app.add_middleware(
        Arrival, api_url=settings.api_url, route_template=template, trusted_proxies=settings.trusted_proxy_count
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "X-Request-ID"),
            expose_headers=EXPOSED_HEADERS,
            max_age=3600,
        )
    app.add_middleware(HttpTelemetry, route_template=template, sample=Sample(FROM_MEMORY, settings.catalogue_sample))
    return app


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings, health: Health, stopping: asyncio.Event) -> AsyncIterator[None]:
    """Give the application its clients, and keep its cache by the feed, while the block runs."""
    database = Database(settings)
    wakeups = Wakeups(limit=settings.event_stream_limit, customer_limit=settings.event_stream_customer_limit)
    cache = Cache(database, wakeups, settings.media_base_url)
    feed = _feed(cache, settings)
    health.add_check("cache", cache.reason_against)
    async with httpx.AsyncClient() as client:
        app.state.database = database
        app.state.cache = cache
        app.state.feed = feed
        app.state.catalogue = cache.catalogue
        keys = SigningKeys(
            client,
            settings.keys_url,
            refetch_seconds=settings.jwks_refetch_seconds,
            maximum_age_seconds=settings.jwks_maximum_age_seconds,
        )
        app.state.identity = Identity(
            keys=keys,
            refused=cache.refused,
            issuer=settings.issuer,
            audience=settings.token_audience,
        )
        app.state.rate_limiter = _rate_limiter(settings)
        streams = Streams(database, wakeups, cache.refused, settings.event_stream_heartbeat_seconds)
        app.state.streams = streams
        try:
            async with (
                _running(feed.run()),
                _running(_close_streams(cache, stopping)),
                _running(streams.look_up()),
                _running(keys.keep()),
            ):
                yield
        finally:
            cache.wakeups.close()
            await database.close()


async def _close_streams(cache: Cache, stopping: asyncio.Event) -> None:
    await stopping.wait()
    cache.wakeups.close()


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `work` beside the block and cancel it at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _feed(cache: Cache, settings: Settings) -> Feed:
    return Feed(
        cache,
        settings.kafka_connection(),
        retry_seconds=settings.feed_retry_seconds,
        silence_seconds=settings.feed_silence_seconds,
        reload_seconds=settings.feed_reload_seconds,
    )


def _routes(app: FastAPI) -> Iterator[tuple[str | None, Iterable[str]]]:
    for context in iter_route_contexts(app.routes):
        yield context.path, getattr(context.original_route, "methods", None) or ()


def _rate_limiter(settings: Settings) -> RateLimiter:
    limits = {
        RouteClass.CATALOGUE: settings.rate_limit_catalogue,
        RouteClass.READS: settings.rate_limit_reads,
        RouteClass.WRITES: settings.rate_limit_writes,
        RouteClass.STREAMS: settings.rate_limit_streams,
    }
    return RateLimiter(
        {route_class: limit for route_class, limit in limits.items() if limit is not None},
        store_url=settings.rate_limit_store_url.get_secret_value(),
        store_seconds=settings.rate_limit_store_seconds,
    )
