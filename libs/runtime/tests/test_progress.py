import asyncio
import time

from prometheus_client import REGISTRY
from tandem_runtime.health import Health
from tandem_runtime.progress import beating


def lag_above(bound: str) -> float:
    count = REGISTRY.get_sample_value("tandem_event_loop_lag_seconds_count") or 0
    below = REGISTRY.get_sample_value("tandem_event_loop_lag_seconds_bucket", {"le": bound}) or 0
    return count - below


async def test_the_pulse_beats_while_the_loop_turns_and_ends_with_the_block() -> None:
    health = Health()
    async with beating(health):
        await asyncio.sleep(1.2)
        assert health.alive(0.5)
    await asyncio.sleep(1.2)
    assert not health.alive(1.1)


async def test_a_blocked_loop_misses_its_beat_and_shows_as_lag() -> None:
    health = Health()
    late_before = lag_above("0.25")
    async with beating(health):
        await asyncio.sleep(0.1)
        time.sleep(1.5)  # noqa: ASYNC251 - the fault under test
        assert not health.alive(1.4)
        await asyncio.sleep(0.05)
        assert health.alive(0.2)
    assert lag_above("0.25") == late_before + 1
