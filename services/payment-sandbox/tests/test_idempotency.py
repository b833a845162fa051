import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest


def test_a_repeated_key_is_given_the_same_answer_and_takes_no_more_money(provider: Any, reference: str) -> None:
    key = str(uuid4())
    first = provider.pay(2490, key=key, reference=reference)
    again = provider.pay(2490, key=key, reference=reference)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert provider.ledger(reference) == [("authorisation", 2490), ("capture", 2490)]


def test_the_first_answer_is_repeated_even_when_the_payment_has_changed_since(provider: Any) -> None:
    key = str(uuid4())
    first = provider.pay(2490, key=key)
    provider.post(f"/v1/payments/{first.json()['id']}/refunds", {"amount": 2490})
    assert provider.pay(2490, key=key).json()["status"] == "captured"


def test_refunds_and_captures_have_keys_of_their_own_kind(provider: Any, reference: str) -> None:
    payment = provider.pay(2490, reference=reference, capture=False).json()
    path = f"/v1/payments/{payment['id']}"
    for key, action, body in ((str(uuid4()), "capture", None), (str(uuid4()), "refunds", {"amount": 90})):
        answers = [provider.post(f"{path}/{action}", body, key=key) for _ in range(3)]
        assert len({answer.content for answer in answers}) == 1
    assert provider.ledger(reference) == [("authorisation", 2490), ("capture", 2490), ("refund", 90)]


def test_a_key_belongs_to_its_request(provider: Any, reference: str) -> None:
    key = str(uuid4())
    payment = provider.pay(2490, key=key, reference=reference).json()
    for other in (
        provider.pay(2590, key=key, reference=reference),
        provider.pay(2490, key=key, reference="another"),
        provider.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 2490}, key=key),
    ):
        assert other.status_code == 422
        assert other.json()["type"].endswith(":idempotency-key-reused")
    assert provider.ledger(reference) == [("authorisation", 2490), ("capture", 2490)]


def test_a_declined_card_stays_declined_for_its_key(provider: Any, reference: str) -> None:
    key = str(uuid4())
    answers = [provider.pay(2402, key=key, reference=reference) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert provider.ledger(reference) == [("decline", 2402)]


@pytest.mark.parametrize("amount", [2490, 2411], ids=["quick", "slow"])
def test_twenty_calls_at_once_with_one_key_take_the_money_once(provider: Any, reference: str, amount: int) -> None:
    key = str(uuid4())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: provider.pay(amount, key=key, reference=reference), range(20)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers if answer.status_code == 201) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"].endswith(":in-progress")
            assert answer.headers["retry-after"] == "1"
    assert provider.ledger(reference) == [("authorisation", amount), ("capture", amount)]


def test_twenty_payments_at_once_are_twenty_payments_and_the_balance_adds_up(provider: Any, reference: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: provider.pay(700, reference=reference, currency="SEK"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 20
    assert provider.ledger(reference).count(("capture", 700)) == 20
    entries = provider.client.get("/v1/ledger", params={"limit": 1000}).json()["items"]
    assert [entry["balance"] for entry in entries if entry["currency"] == "SEK"][-1] == 20 * 700


def test_a_payment_survives_kill_9_and_its_key_is_still_known(run: Any, tmp_path: Path) -> None:
    database = tmp_path / "payments.db"
    with run(database) as provider:
        first = provider.pay(2490, key="the-key", reference="killed")
        assert first.status_code == 201
        assert provider.end(signal.SIGKILL) == -signal.SIGKILL
    with run(database) as provider:
        again = provider.pay(2490, key="the-key", reference="killed")
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == first.content
        assert provider.ledger("killed") == [("authorisation", 2490), ("capture", 2490)]


def test_a_key_that_was_in_progress_at_kill_9_can_be_used_again(run: Any, tmp_path: Path) -> None:
    database = tmp_path / "payments.db"
    with run(database) as provider:
        with pytest.raises(httpx.ReadTimeout):
            provider.pay(2411, key="the-key", reference="killed", timeout=1)
        provider.end(signal.SIGKILL)
    with run(database) as provider:
        assert provider.ledger("killed") == []
        assert provider.pay(2411, key="the-key", reference="killed").status_code == 201
        assert provider.ledger("killed") == [("authorisation", 2411), ("capture", 2411)]
