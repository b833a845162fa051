"""A small run of what `make schemathesis` does at length: no failure of ours, no answer that is not described."""

import asyncio
import time
from uuid import UUID

from fuzzing import fuzz
from identity_provider import IdentityProvider
from running_api import api_settings, running_api
from storefront import Storefront
from tandem_api.identity.scopes import PARTNER_SCOPES

UNLIMITED = {f"rate_limit_{name}": "" for name in ("catalogue", "reads", "writes", "streams")}


async def fuzzed(storefront: Storefront, provider: IdentityProvider, token: str) -> int:
    """How many requests were made."""
    settings = api_settings(storefront.database.url("tandem_api"), provider, **UNLIMITED)
    async with running_api(settings, provider) as api:
        return await asyncio.to_thread(fuzz, str(api.client.base_url).rstrip("/"), token, seed=1, examples=5)


async def test_requests_made_of_the_description_find_nothing(
    storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    token = provider.token(ada, exp=int(time.time()) + 3600)
    assert await fuzzed(storefront, provider, token) > 100
    assert storefront.count("orders_order") > 0, "it gets as far as placing orders"


async def test_nor_do_those_of_a_partner(storefront: Storefront, provider: IdentityProvider) -> None:
    storefront.product("MUG-1")
    client_id = storefront.partner("fuzzing")
    token = provider.token(client_id, client_id=client_id, scope=" ".join(PARTNER_SCOPES), exp=int(time.time()) + 3600)
    assert await fuzzed(storefront, provider, token) > 100
    assert storefront.count("webhooks_endpoint") > 0, "it gets as far as subscribing"
