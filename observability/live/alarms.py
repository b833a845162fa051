"""Each alert, fired for real by its fault and gone when that is mended."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tandem_local.processes import Running

from observability.live.check import Finding
from observability.live.client import FiringAlert, Prometheus
from observability.live.faults import FAULTS, NOT_PLAYED
from observability.live.store import Store
from observability.live.theatre import Fault, Theatre, publish_product
from observability.ruleset import alerts

FIRES_WITHIN_SECONDS = 180.0
CLEARS_WITHIN_SECONDS = 240.0
PIECES = 500


def play_faults(store: Store, prometheus: Prometheus, limits: Running, only: str = "") -> list[Finding]:
    """One fault after the other, or those with `only` in their names: what fired, what cleared, after how long.

    `limits` is the store of the rate limits, which is not among the system's own processes.
    """
    findings: list[Finding] = []
    with ExitStack() as parts:
        theatre = Theatre(store, publish_product(store, pieces=PIECES), limits, parts)
        for fault in FAULTS:
            if only in fault.what or only in {name for name, _ in fault.alerts}:
                findings += _play(fault, theatre, prometheus)
    return findings if only else [*findings, *_not_played()]


def _play(fault: Fault, theatre: Theatre, prometheus: Prometheus) -> Iterator[Finding]:
    fired: dict[tuple[str, str], tuple[float, FiringAlert]] = {}
    cleared: dict[tuple[str, str], float] = {}
    trouble = ""

    def look_for_fire() -> bool:
        for alert in prometheus.firing():
            fired.setdefault((alert.name, alert.severity), (time.monotonic() - began, alert))
        return fired.keys() >= set(fault.alerts)

    def look_for_peace() -> bool:
        there = {(alert.name, alert.severity) for alert in prometheus.firing()}
        for one in set(fault.alerts) - there:
            cleared.setdefault(one, time.monotonic() - mended)
        return not set(fault.alerts) & there

    began = time.monotonic()
    with theatre.store.system.progress.step("fault", fault.what):
        try:
            with fault.play(theatre):
                _wait(look_for_fire, FIRES_WITHIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - told in the table; the other faults are played all the same
            trouble = f"{type(error).__name__}: {error}"
        mended = time.monotonic()
        _wait(look_for_peace, CLEARS_WITHIN_SECONDS)
    for one in fault.alerts:
        yield _finding(fault, one, fired.get(one), cleared.get(one), trouble)


def _finding(
    fault: Fault, one: tuple[str, str], fired: tuple[float, FiringAlert] | None, cleared: float | None, trouble: str
) -> Finding:
    seen = f"fired after {fired[0]:.0f} s" if fired else "did not fire"
    ended = "" if cleared is None else f", cleared after {cleared:.0f} s"
    wrong = [trouble] if trouble else []
    if fired is None:
        wrong.append("did not fire")
    elif texts := [text for text in fired[1].annotations.values() if "<error" in text or "<no value>" in text]:
        wrong += texts
    if fired and cleared is None:
        wrong.append("did not clear")
    return Finding(fault.what, " ".join(one), seen + ended, "; ".join(wrong))


def _not_played() -> list[Finding]:
    """Those that no fault here can fire say why; one that is forgotten is wrong."""
    played = {one for fault in FAULTS for one in fault.alerts}
    ours = {(alert.name, alert.labels["severity"]) for alert in alerts()}
    return [
        Finding("promtool only", " ".join(one), NOT_PLAYED.get(one, ""), "" if one in NOT_PLAYED else "no fault")
        for one in sorted(ours - played)
    ]


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.5)
