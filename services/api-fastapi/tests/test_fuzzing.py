"""A small run of what `make schemathesis` does at length: no failure of ours, no answer that is not described."""

import asyncio
import time
from uuid import UUID

from fuzzing import fuzz
from identity_provider import IdentityProvider
from running_api import api_settings, running_api
from storefront import Storefront

UNLIMITED = {f"rate_limit_{name}": "" for name in ("catalogue", "reads", "writes", "streams")}


async def test_requests_made_of_the_description_find_nothing(
    storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    settings = api_settings(storefront.database.url("tandem_api"), provider, **UNLIMITED)
    async with running_api(settings, provider) as api:
        token = provider.token(ada, exp=int(time.time()) + 3600)
        url = str(api.client.base_url).rstrip("/")
        cases = await asyncio.to_thread(fuzz, url, token, seed=1, examples=5)
    assert cases > 100
    assert storefront.count("orders_order") > 0, "it gets as far as placing orders"
