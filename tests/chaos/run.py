"""One run: load and faults, healing, quiet, evidence, everything once more, evidence again."""

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from tandem_local.postgres import remove_postgres
from tandem_local.progress import Progress

from chaos import collect, deliveries
from chaos.conductor import Conductor, Injected
from chaos.evidence import Evidence
from chaos.load.shop import Shop
from chaos.load.staff import StaffDesk
from chaos.plan import Fault
from chaos.quiet import QUIET_SECONDS
from chaos.stage import Stage, running_stage
from chaos.taking import take_evidence

# How long customers go on asking what became of their requests, once everything is healed.
PATIENCE_SECONDS = 60


Beside = Callable[[Stage, Shop], AbstractContextManager[None]]


def _nothing(_stage: Stage, _shop: Shop) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Result:
    evidence: Evidence
    injected: list[Injected]
    stumbled: list[Fault]
    healed: float
    turned_away: int
    ends: dict[str, dict[str, int]]
    """Of each service: how often it ended, and why."""
    left: str


def carry_out(
    folder: Path,
    plan: list[Fault],
    *,
    seed: int,
    seconds: float,
    rate: float,
    progress: Progress,
    stop: Event,
    patience: float = QUIET_SECONDS,
    brokers: int = 1,
    beside: Beside = _nothing,
) -> Result:
    """Run the system in `folder`, with its logs there, for `seconds` under load and faults; its data is removed.

    `patience` is how long the healed system has to come to rest, in seconds; `beside` is around load and faults.
    """
    home = folder / "system"
    try:
        with running_stage(home, progress, brokers=brokers, stop=stop) as stage:
            return _on(
                stage,
                plan,
                seed=seed,
                seconds=seconds,
                rate=rate,
                progress=progress,
                patience=patience,
                beside=beside,
            )
    finally:
        remove_postgres(home)
        for data in home.glob("kafka*"):
            shutil.rmtree(data, ignore_errors=True)


def _on(
    stage: Stage,
    plan: list[Fault],
    *,
    seed: int,
    seconds: float,
    rate: float,
    progress: Progress,
    patience: float,
    beside: Beside,
) -> Result:
    credentials = stage.credentials
    shop = Shop(
        api_url=stage.api_url,
        admin_url=stage.admin_url,
        password=credentials.customer_password,
        desk=StaffDesk(stage.admin_url, credentials.staff_password),
        poison=partial(_poison, stage),
        seed=seed,
        rate=rate,
    )
    with progress.step("Customers", "log in"):
        shop.log_customers_in()
    conductor = Conductor(stage, plan, progress)
    shop.open()
    with beside(stage, shop):
        conductor.start()
        stage.stop.wait(seconds)
    with progress.step("All faults", "healed"):
        conductor.heal()
    healed = time.time()
    with progress.step("Customers", "learn what became of their requests"):
        shop.close(PATIENCE_SECONDS)
    books = partial(collect.provider_books, stage.home / "payment.sqlite")
    evidence, left = take_evidence(stage, shop.requests, books, progress, patience)
    ends = {name: dict(service.ends) for name, service in stage.services.items() if service.ends}
    return Result(evidence, conductor.injected, conductor.stumbled, healed, shop.turned_away, ends, left)


def _poison(stage: Stage, order_id: str) -> None:
    with suppress(deliveries.NOT_NOW):  # then this order stays sound, or its poison shows in the log
        deliveries.poison(stage.superuser_url(), order_id)
