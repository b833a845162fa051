"""Millions of events behind a broker that was away: how fast they leave, at the beginning and at the end."""

import asyncio
import shutil
from statistics import median

from benchmarks.events.relay import RELAY, publish
from benchmarks.events.topic import rate, rate_between
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_least, number, of_rounds
from benchmarks.measuring.surroundings import Surroundings

WINDOWS = 20
# In Postgres with its log, and in Kafka.
BYTES_A_ROW = 3_500


def measure(around: Surroundings, options: Options) -> Result:
    """All of it is drained, once, whatever the number of rounds: the rate of each twentieth is a figure."""
    needed = options.rows * BYTES_A_ROW
    if shutil.disk_usage(around.home).free < needed:
        raise RuntimeError(f"{options.rows:,} rows need {needed / 1e9:.0f} GB of disk")
    with around.database() as database:
        samples, duplicates = asyncio.run(publish(around, database, RELAY, options.rows, salt="backlog "))
    rates = [rate_between(samples, part / WINDOWS, (part + 1) / WINDOWS) for part in range(WINDOWS)]
    first, last = rates[:2], rates[-2:]
    return Result(
        title="Draining what a long outage left",
        series=[of_rounds(_window(part), _case(options), "events/s", [value]) for part, value in enumerate(rates)],
        aims=[
            at_least(
                "relay: as fast at the end as at the start (≥ 90 %)", 100 * median(last) / median(first), 90, unit=" %"
            )
        ],
        notes=[
            f"Overall {number(rate(samples))} events/s. The rows were written in portions of half a million while"
            " nothing read them, then the relay drained them all.",
            f"Read back from Kafka: every order's events are there, in order ({duplicates} duplicates).",
        ],
    )


def _window(part: int) -> str:
    return f"{100 * part // WINDOWS} to {100 * (part + 1) // WINDOWS} % drained"


def _case(options: Options) -> str:
    return f"{options.rows:,} rows"
