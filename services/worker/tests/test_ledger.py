"""Stock against its ledger, on a real database."""

import psycopg
from prometheus_client import REGISTRY
from store import Store
from tandem_worker.orders.ledger import LOOKED_AT_ONCE, LedgerWatch


def mismatches() -> float | None:
    return REGISTRY.get_sample_value("tandem_stock_ledger_mismatches")


def add(store: Store, sku: str, pieces: int) -> None:
    """Past the ledger, which only a superuser can."""
    with psycopg.connect(store.database.url()) as superuser:
        superuser.execute("UPDATE inventory_stock SET available = available + %s WHERE sku = %s", [pieces, sku])


async def test_what_the_order_process_does_to_stock_agrees_with_the_ledger(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    await store.place_order({"MUG": 2})
    await store.run()

    await LedgerWatch(store.worker).look()

    assert mismatches() == 0


async def test_a_balance_changed_by_hand_is_told_until_it_is_right_again(store: Store) -> None:
    store.put_in_stock("BOWL", 5)
    store.put_in_stock("MUG", 5)
    watch = LedgerWatch(store.worker)
    add(store, "MUG", 1)

    await watch.look()
    assert mismatches() == 1

    add(store, "MUG", -1)
    await watch.look()
    assert mismatches() == 0


async def test_all_products_are_looked_at_a_few_at_a_time(store: Store) -> None:
    for number in range(LOOKED_AT_ONCE + 1):
        store.put_in_stock(f"MUG-{number:02}", 1)
    add(store, f"MUG-{LOOKED_AT_ONCE:02}", 1)
    watch = LedgerWatch(store.worker)

    await watch.look()
    assert mismatches() == 0

    await watch.look()
    assert mismatches() == 1

    await watch.look()  # from the beginning: what was wrong is not forgotten
    assert mismatches() == 1
