"""The verdict: every invariant, held against the evidence."""

from collections.abc import Callable, Iterator

from chaos.evidence import Evidence
from chaos.invariants import events, money, orders, stock

Invariant = Callable[[Evidence], Iterator[str]]

INVARIANTS: tuple[Invariant, ...] = (
    orders.every_accepted_order_exists_once,
    orders.every_order_was_asked_for_once,
    orders.every_order_came_to_its_end,
    orders.every_accepted_request_is_in_the_timeline,
    orders.every_request_had_its_consequence,
    orders.states_agree_with_the_timeline,
    money.nobody_is_charged_twice,
    money.money_is_where_the_state_says,
    money.attempts_are_settled,
    money.every_refund_is_given_once,
    stock.stock_equals_its_ledger,
    stock.stock_is_what_was_bought_less_what_was_sold,
    events.every_event_is_in_kafka_in_order,
    events.the_outbox_is_empty,
    events.timelines_agree_with_kafka,
    events.every_consumer_is_at_the_end,
    events.dead_letters_are_what_we_poisoned,
    events.consuming_all_again_changes_nothing,
)


def violations(evidence: Evidence) -> list[str]:
    """Everything that contradicts an invariant, after the invariant's name; nothing when all hold."""
    return [f"{invariant.__name__}: {what}" for invariant in INVARIANTS for what in invariant(evidence)]
