"""The relay hears of an order when it is committed, not sooner and not otherwise."""

from uuid import UUID

from psycopg import AsyncConnection
from running_api import Api
from storefront import Storefront
from tandem_contracts.outbox import OUTBOX_CHANNEL


async def test_a_commit_gives_a_hint_and_a_refusal_does_not(api: Api, storefront: Storefront, ada: UUID) -> None:
    url = storefront.database.url("tandem_relay")
    async with await AsyncConnection.connect(url, autocommit=True) as relay:
        await relay.execute(f"LISTEN {OUTBOX_CHANNEL}")
        assert (await api.place(ada, NOT_THERE=1)).status_code == 422
        assert (await api.place(ada, MUG_1=1)).status_code == 201

        assert len([hint async for hint in relay.notifies(timeout=30, stop_after=1)]) == 1
    assert storefront.count("events_outboxevent") == 1
