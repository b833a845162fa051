"""The API's surroundings: a database under its role, an identity provider, and the API itself on a real port."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
import structlog
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_api.settings import Settings
from tandem_local.databases import Database


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """Short tracebacks: structlog's own show all local variables and take seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    with provider.serving():
        yield provider


@pytest.fixture
def storefront(database: Database) -> Storefront:
    return Storefront(database)


@pytest.fixture
def ada(storefront: Storefront) -> UUID:
    return storefront.customer("ada@tandem.example")


@pytest.fixture
def eve(storefront: Storefront) -> UUID:
    return storefront.customer("eve@tandem.example")


@pytest.fixture
def settings(database: Database, provider: IdentityProvider) -> Settings:
    return api_settings(database.url("tandem_api"), provider)


@pytest.fixture
async def api(storefront: Storefront, settings: Settings, provider: IdentityProvider) -> AsyncIterator[Api]:
    """A store with two products, served without a broker."""
    storefront.product("MUG-1", name="Enamel mug", price=1450)
    storefront.product("PAN-1", name="Iron pan", price=4900)
    async with running_api(settings, provider) as running:
        yield running
