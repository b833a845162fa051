import re
import signal
import time
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from payment_sandbox.faults import DECLINES, Fault

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(("ending", "code"), [(1, "insufficient_funds"), (2, "card_declined"), (3, "expired_card")])
def test_a_declined_card_is_a_payment_with_its_reason(provider: Any, reference: str, ending: int, code: str) -> None:
    response = provider.pay(2400 + ending, reference=reference)
    assert response.status_code == 201
    payment = response.json()
    assert (payment["status"], payment["decline_code"], payment["captured_amount"]) == ("declined", code, 0)
    assert provider.ledger(reference) == [("decline", 2400 + ending)]


def test_a_slow_answer_is_in_progress_for_three_seconds(provider: Any, reference: str) -> None:
    key = str(uuid4())
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        provider.pay(2411, key=key, reference=reference, timeout=0.5)
    assert provider.pay(2411, key=key, reference=reference).status_code == 409
    while (answer := provider.pay(2411, key=key, reference=reference)).status_code == 409:
        time.sleep(0.1)
    assert time.monotonic() - began > 2.9
    assert answer.status_code == 201
    assert provider.ledger(reference) == [("authorisation", 2411), ("capture", 2411)]


def test_an_answer_that_never_comes_is_told_to_who_asks_again(provider: Any, reference: str) -> None:
    key = str(uuid4())
    with pytest.raises(httpx.ReadTimeout):
        provider.pay(2412, key=key, reference=reference, timeout=1)
    again = provider.pay(2412, key=key, reference=reference, timeout=1)
    assert (again.status_code, again.json()["status"]) == (201, "captured")
    assert provider.ledger(reference) == [("authorisation", 2412), ("capture", 2412)]


def test_a_failure_before_anything_happened_lasts(provider: Any, reference: str) -> None:
    key = str(uuid4())
    assert [provider.pay(2413, key=key, reference=reference).status_code for _ in range(3)] == [500] * 3
    assert provider.ledger(reference) == []


def test_a_failure_after_the_capture_hides_a_payment_that_asking_again_shows(provider: Any, reference: str) -> None:
    key = str(uuid4())
    failed = provider.pay(2414, key=key, reference=reference)
    assert failed.status_code == 500
    assert failed.headers["content-type"] == "application/problem+json"
    again = provider.pay(2414, key=key, reference=reference)
    assert (again.status_code, again.json()["status"]) == (201, "captured")
    assert provider.ledger(reference) == [("authorisation", 2414), ("capture", 2414)]


def test_an_outage_ends_after_two_attempts_of_a_key(provider: Any, reference: str) -> None:
    key = str(uuid4())
    answers = [provider.pay(2416, key=key, reference=reference) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert answers[0].headers["retry-after"] == "1"
    assert provider.ledger(reference) == [("authorisation", 2416), ("capture", 2416)]


def test_a_refund_has_faults_too_by_its_own_amount(provider: Any, reference: str) -> None:
    payment = provider.pay(2490, reference=reference).json()
    key = str(uuid4())
    path = f"/v1/payments/{payment['id']}/refunds"
    assert [provider.post(path, {"amount": 114}, key=key).status_code for _ in range(2)] == [500, 201]
    assert provider.ledger(reference)[2:] == [("refund", 114)]


def test_a_capture_has_the_fault_of_its_payment(provider: Any, reference: str) -> None:
    keys = str(uuid4()), str(uuid4())
    taken = [provider.pay(2416, key=keys[0], reference=reference, capture=False) for _ in range(3)]
    path = f"/v1/payments/{taken[-1].json()['id']}/capture"
    assert [provider.post(path, key=keys[1]).status_code for _ in range(3)] == [503, 503, 200]


def test_a_stopping_sandbox_does_not_wait_for_an_answer_that_never_comes(run: Any, tmp_path: Path) -> None:
    with run(tmp_path / "payments.db") as provider:
        with pytest.raises(httpx.ReadTimeout):
            provider.pay(2412, timeout=1)
        began = time.monotonic()
        assert provider.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 30, "the answer would come after 60 s"


ORDINARY = (0, 50, 90, 95, 99)


def test_a_basket_of_five_ordinary_prices_meets_no_fault() -> None:
    endings = {sum(prices) % 100 for size in range(1, 6) for prices in combinations_with_replacement(ORDINARY, size)}
    assert endings.isdisjoint({*DECLINES, *Fault})


def test_the_readme_has_every_magic_ending() -> None:
    documented = {int(ending) for ending in re.findall(r"^\| `…(\d\d)` \|", README.read_text(), re.MULTILINE)}
    assert documented == {*DECLINES, *Fault}


def test_a_call_that_moves_money_takes_the_time_it_is_set_to(run: Any, tmp_path: Path, reference: str) -> None:
    with run(tmp_path / "payments.db", TANDEM_PAYMENT_LATENCY_SECONDS="3600") as provider:
        with pytest.raises(httpx.ReadTimeout):
            provider.pay(2490, key="slow", reference=reference, timeout=1)
        assert provider.pay(2490, key="slow", reference=reference).status_code == 409
        assert provider.ledger(reference) == []
