"""One run: install, one order, helm's tests, disturbances under load, and the checker's verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from chaos.checker import violations
from chaos.load.readers import Readers
from chaos.load.shop import Shop
from chaos.load.staff import StaffDesk
from chaos.taking import take_evidence
from tandem_local.credentials import kept_credentials
from tandem_local.logins import Logins
from tandem_local.progress import Progress
from tandem_local.scenario import play
from tandem_local.verify import Elsewhere

from cluster.disturbances import all_of_them
from cluster.installation import RELEASE, Installation, planned
from cluster.kubernetes import restricted_namespace
from cluster.phases import Diary
from cluster.stage import ClusterStage, memory

PATIENCE_SECONDS = 60
CALM_SECONDS = 10


@dataclass
class Outcome:
    times: dict[str, float] = field(default_factory=dict)
    """Seconds since the installation began."""
    memory: dict[str, int] = field(default_factory=dict)
    diary: Diary = field(default_factory=Diary)
    wrong: list[str] = field(default_factory=list)
    requests: int = 0


@dataclass(frozen=True)
class Run:
    folder: Path
    progress: Progress
    stop: Event
    tags: tuple[str, str]
    """Of the images: what is installed, and what it is upgraded to."""
    rate: float
    looks: float

    def carry_out(self, name: str, *, keep: bool) -> Outcome:
        outcome = Outcome()
        with restricted_namespace(name, keep=keep) as namespace:
            installation = planned(namespace, kept_credentials(self.folder / "secrets.json"))
            self._install(installation, outcome)
            self._disturb(installation, outcome)
        return outcome

    def _install(self, installation: Installation, outcome: Outcome) -> None:
        began = time.monotonic()

        def step(part: str, doing: str, act: Callable[[], object]) -> None:
            with self.progress.step(part, doing):
                act()
            outcome.times[f"{part}: {doing}"] = time.monotonic() - began

        installation.make_secrets()
        step("dev-infra", "Postgres and Kafka are ready", installation.install_infrastructure)
        step("tandem", "every pod is ready", partial(installation.install, self.tags[0]))
        logins = Logins(installation.credentials.staff_password, installation.credentials.customer_password)
        scene = Elsewhere(installation.admin_url, installation.api_url, logins, self.progress)
        step("scenario", "one order is paid and shipped", partial(play, scene))
        step("helm", "test", partial(installation.namespace.helm, "test", RELEASE))

    def _disturb(self, installation: Installation, outcome: Outcome) -> None:
        with installation.reached() as outside:
            stage = ClusterStage(installation, outside, self.stop)
            stage.fill_store(self.folder)
            before = stage.keys()
        shop = Shop(
            api_url=installation.api_url,
            admin_url=installation.admin_url,
            password=installation.credentials.customer_password,
            desk=StaffDesk(installation.admin_url, installation.credentials.staff_password),
            poison=lambda _order_id: None,
            seed=1,
            rate=self.rate,
        )
        readers = Readers(shop, self.looks, seed=1)
        shop.log_customers_in()
        shop.open()
        readers.start()
        try:
            self._phases(installation, outcome)
        finally:
            readers.stop()
            shop.close(PATIENCE_SECONDS)
        outcome.requests = len(readers.looks) + sum(len(request.tries) for request in shop.requests)
        outcome.wrong += outcome.diary.fill(shop.requests, readers.looks)
        outcome.diary.write(self.folder)
        with installation.reached() as outside:
            stage = ClusterStage(installation, outside, self.stop)
            books = partial(stage.provider_books, self.folder)
            evidence, _ = take_evidence(stage, shop.requests, books, self.progress)
        evidence.write(self.folder)
        # What the scenario asked for is not the load's.
        outcome.wrong += [one for one in violations(evidence) if not any(key in one for key in before)]

    def _phases(self, installation: Installation, outcome: Outcome) -> None:
        with outcome.diary.phase("nothing", planned=True):
            self.stop.wait(CALM_SECONDS)
        for disturbance in all_of_them(installation, self.tags[1]):
            with (
                self.progress.step("under load", disturbance.what),
                outcome.diary.phase(disturbance.what, planned=disturbance.planned),
            ):
                disturbance.carry_out()
                self.stop.wait(CALM_SECONDS)
        outcome.memory = memory(installation)
