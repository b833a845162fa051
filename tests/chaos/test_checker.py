"""Each invariant catches what contradicts it, and a sound world contradicts none."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chaos.__main__ import app
from chaos.checker import INVARIANTS, violations
from chaos.evidence import read_evidence
from chaos.example import CANCELLED, PARTLY, POISONED, REJECTED, SHIPPED, SKU, World, sound_world
from chaos.load.history import Request, Try

BREACHES: list[tuple[str, Callable[[World], object]]] = []


def breaks(invariant: str) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Say which invariant a change to the sound world is to break."""

    def note(change: Callable[[World], object]) -> Callable[[World], object]:
        BREACHES.append((invariant, change))
        return change

    return note


@breaks("every_accepted_order_exists_once")
def an_accepted_order_is_lost(world: World) -> None:
    world.tables["orders_order"].remove(world.row("orders_order", id=REJECTED))
    world.tables["orders_orderline"].remove(world.row("orders_orderline", order_id=REJECTED))


@breaks("every_accepted_order_exists_once")
def a_repeated_request_placed_two_orders(world: World) -> None:
    world.requests[0].tries.append(Try(2, 0, 201, {"id": REJECTED}))


@breaks("every_accepted_order_exists_once")
def an_order_has_other_lines(world: World) -> None:
    world.requests[0].lines[SKU] = 9


@breaks("every_order_was_asked_for_once")
def a_refused_request_left_its_key(world: World) -> None:
    world.tables["orders_idempotencykey"].append({"key": "refused", "response_status": 422, "response_body": {}})


@breaks("every_order_was_asked_for_once")
def an_order_came_from_nowhere(world: World) -> None:
    world.tables["orders_idempotencykey"].pop()


@breaks("every_order_came_to_its_end")
def an_order_is_stuck(world: World) -> None:
    world.row("orders_order", id=REJECTED)["state"] = "reserved"


@breaks("every_order_came_to_its_end")
def the_system_never_rested(world: World) -> None:
    world.quiet_seconds = None


@breaks("every_accepted_request_is_in_the_timeline")
def an_accepted_cancellation_is_lost(world: World) -> None:
    world.row("orders_timelineentry", order_id=CANCELLED, version=4)["event_type"] = "order.reserved.v1"


@breaks("every_accepted_request_is_in_the_timeline")
def a_shipment_is_lost(world: World) -> None:
    world.requests.append(Request("ship", "staff", order_id=REJECTED, tries=[Try(0, 0, 200)]))


@breaks("every_request_had_its_consequence")
def a_shipment_had_no_consequence(world: World) -> None:
    world.tables["orders_timelineentry"].remove(world.row("orders_timelineentry", order_id=SHIPPED, version=5))


@breaks("states_agree_with_the_timeline")
def a_state_has_no_event(world: World) -> None:
    world.row("orders_order", id=SHIPPED)["state"] = "delivered"


@breaks("nobody_is_charged_twice")
def a_second_capture(world: World) -> None:
    world.ledger.append({"type": "capture", "reference": SHIPPED, "amount": 2222})


@breaks("nobody_is_charged_twice")
def a_wrong_amount(world: World) -> None:
    world.ledger[1]["amount"] = 1


@breaks("money_is_where_the_state_says")
def a_rejected_order_was_charged(world: World) -> None:
    world.ledger.append({"type": "capture", "reference": REJECTED, "amount": 2222})


@breaks("money_is_where_the_state_says")
def a_cancelled_order_was_not_refunded(world: World) -> None:
    world.ledger.remove({"type": "refund", "reference": CANCELLED, "amount": 2222})


@breaks("attempts_are_settled")
def a_payment_is_unknown_for_ever(world: World) -> None:
    world.row("orders_paymentattempt", order_id=SHIPPED)["state"] = "unknown"


@breaks("attempts_are_settled")
def a_refund_is_known_to_us_alone(world: World) -> None:
    world.row("orders_paymentattempt", order_id=SHIPPED)["state"] = "refunded"


@breaks("every_request_had_its_consequence")
def a_refund_had_two_consequences(world: World) -> None:
    entry = world.row("orders_timelineentry", order_id=PARTLY, version=5)
    world.tables["orders_timelineentry"].append(entry | {"version": 6})


@breaks("money_is_where_the_state_says")
def a_part_was_given_back_twice(world: World) -> None:
    world.ledger.append({"type": "refund", "reference": PARTLY, "amount": 500})


@breaks("every_refund_is_given_once")
def the_same_part_was_given_back_twice(world: World) -> None:
    a_part_was_given_back_twice(world)
    world.row("orders_order", id=PARTLY)["refunded_amount"] += 500


@breaks("every_refund_is_given_once")
def another_amount_was_given_back(world: World) -> None:
    next(entry for entry in world.ledger if entry["reference"] == PARTLY and entry["type"] == "refund")["amount"] = 5


@breaks("every_refund_is_given_once")
def a_refund_is_unknown_for_ever(world: World) -> None:
    world.row("refunds_refund", order_id=PARTLY)["state"] = "unknown"


@breaks("every_refund_is_given_once")
def a_refund_is_not_told(world: World) -> None:
    world.row("orders_timelineentry", order_id=PARTLY, version=5)["payload"] = {}


@breaks("every_refund_is_given_once")
def a_refund_is_under_way_for_ever(world: World) -> None:
    world.row("orders_order", id=PARTLY)["refunding_amount"] = 1


@breaks("attempts_are_settled")
def a_refund_in_part_is_known_to_us_alone(world: World) -> None:
    next(payment for payment in world.payments if payment["reference"] == PARTLY)["status"] = "refunded"


@breaks("stock_equals_its_ledger")
def stock_was_changed_without_a_line(world: World) -> None:
    world.row("inventory_stock", sku=SKU)["available"] -= 1


@breaks("stock_is_what_was_bought_less_what_was_sold")
def pieces_were_set_aside_twice(world: World) -> None:
    stock = world.row("inventory_stock", sku=SKU)
    stock["available"] -= 2
    stock["reserved"] += 2
    movements = world.tables["inventory_stockmovement"]
    movements.append(next(copy.copy(line) for line in movements if line["reason"] == "reservation"))


@breaks("every_event_is_in_kafka_in_order")
def an_event_is_missing(world: World) -> None:
    del world.records[1]


@breaks("every_event_is_in_kafka_in_order")
def two_events_changed_places(world: World) -> None:
    world.records[1], world.records[2] = world.records[2], world.records[1]


@breaks("every_event_is_in_kafka_in_order")
def a_version_was_used_twice(world: World) -> None:
    first = world.records[0]
    world.records.append(replace(first, offset=99, headers={**first.headers, "ce_id": "another"}))


@breaks("the_outbox_is_empty")
def an_event_waits(world: World) -> None:
    row = {"type": "order.placed.v1", "aggregate_id": SHIPPED, "version": 9}
    world.tables["events_outboxevent"].append(row)


@breaks("timelines_agree_with_kafka")
def an_event_has_no_entry(world: World) -> None:
    world.publish(REJECTED, 3, "cancelled")


@breaks("every_consumer_is_at_the_end")
def a_position_is_behind(world: World) -> None:
    world.row("events_consumerposition", aggregate_id=SHIPPED)["version"] = 4


@breaks("every_consumer_is_at_the_end")
def poison_was_applied(world: World) -> None:
    world.row("events_consumerposition", aggregate_id=POISONED)["version"] = 4


@breaks("dead_letters_are_what_we_poisoned")
def a_sound_event_died(world: World) -> None:
    letter = world.row("events_deadletter", version=4)
    world.tables["events_deadletter"].append(letter | {"aggregate_id": SHIPPED})


@breaks("dead_letters_are_what_we_poisoned")
def what_came_behind_poison_is_lost(world: World) -> None:
    world.tables["events_deadletter"].remove(world.row("events_deadletter", version=5))


@breaks("consuming_all_again_changes_nothing")
def a_replay_sold_again(world: World) -> None:
    world.replayed = copy.deepcopy(world.tables)
    world.replayed["inventory_stock"][0]["available"] -= 2


def test_a_sound_world_contradicts_nothing() -> None:
    assert violations(sound_world().evidence()) == []


@pytest.mark.parametrize(("invariant", "change"), BREACHES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_breach_is_caught(invariant: str, change: Callable[[World], object]) -> None:
    world = sound_world()
    change(world)

    assert invariant in {violation.partition(":")[0] for violation in violations(world.evidence())}


def test_every_invariant_has_a_breach() -> None:
    assert {invariant.__name__ for invariant in INVARIANTS} == {invariant for invariant, _ in BREACHES}


def test_the_verdict_on_evidence_is_the_exit_status(tmp_path: Path) -> None:
    world = sound_world()
    world.evidence().write(tmp_path)
    held = CliRunner().invoke(app, ["judge", str(tmp_path)])
    a_second_capture(world)
    world.evidence().write(tmp_path)
    violated = CliRunner().invoke(app, ["judge", str(tmp_path)])

    assert (held.exit_code, violated.exit_code) == (0, 1)
    assert f"nobody_is_charged_twice: order {SHIPPED} was charged 2 times" in violated.stdout


def test_evidence_that_was_written_is_judged_the_same(tmp_path: Path) -> None:
    world = sound_world()
    a_replay_sold_again(world)
    world.evidence().write(tmp_path)

    assert violations(read_evidence(tmp_path)) == violations(world.evidence())
    assert json.loads((tmp_path / "replay-changed.json").read_text()).keys() == {"inventory_stock"}
