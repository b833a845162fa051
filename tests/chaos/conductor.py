"""Carrying out a plan: each fault in its time, several side by side, and all healed at the end."""

import time
from dataclasses import dataclass
from threading import Event, Lock, Thread

import psycopg
from kafka.errors import KafkaError
from rich.markup import escape
from tandem_local.progress import Progress

from chaos.faults import ACTS
from chaos.plan import Fault
from chaos.stage import Stage

# What a fault stumbles over when another one got in its way, or when this machine does not let us.
STUMBLES = (OSError, psycopg.Error, KafkaError, TimeoutError)


@dataclass(frozen=True)
class Injected:
    """A fault as it came about; times are seconds since the epoch."""

    fault: Fault
    began: float
    healed: float


class Conductor:
    def __init__(self, stage: Stage, plan: list[Fault], progress: Progress) -> None:
        self.injected: list[Injected] = []
        self.stumbled: list[Fault] = []
        self.failures: list[BaseException] = []
        self._stage = stage
        self._progress = progress
        self._over = Event()
        self._lock = Lock()
        self._threads = [
            Thread(target=self._carry_out, args=[fault], name=f"fault-{fault.number}", daemon=True) for fault in plan
        ]
        self._began = 0.0

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def heal(self) -> None:
        """End every fault that is not over; returns when all are healed, and raises what none should have raised."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._stage.network.clear()
        self._stage.postgres.start()
        self._stage.kafka.start()
        self._stage.postgres.revive()
        self._stage.kafka.revive()
        for failure in self.failures:
            raise failure

    def _carry_out(self, fault: Fault) -> None:
        if self._over.wait(max(0.0, self._began + fault.start - time.monotonic())):
            return
        try:
            self._inject(fault)
        except STUMBLES as error:
            self.stumbled.append(fault)
            self._say(fault, f"[yellow]{fault} could not be: {escape(repr(error)[:120])}[/]")
        except BaseException as error:  # noqa: BLE001 - raised where the run can end
            self.failures.append(error)

    def _inject(self, fault: Fault) -> None:
        began = time.time()
        lasting = f" for {fault.seconds:.0f} s" if fault.seconds else ""
        self._say(fault, f"[red]{fault.kind}[/] {fault.target}{lasting}")
        with ACTS[fault.kind](self._stage, fault):
            self._over.wait(fault.seconds)
        with self._lock:
            self.injected.append(Injected(fault, began, time.time()))
        if time.time() - began > 1:
            self._say(fault, f"[green]healed[/] {fault}")

    def _say(self, fault: Fault, text: str) -> None:
        at = time.monotonic() - self._began
        self._progress.say(f"[dim]{at:6.1f} s  #{fault.number:<3}[/] {text}")
