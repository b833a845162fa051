"""The store as a stage for faults: its processes can be frozen, killed and started again."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from signal import SIGCONT, SIGKILL, SIGSTOP

from tandem_local.logins import STAFF
from tandem_local.processes import Running, start
from tandem_local.scenario.browser import Browser
from tandem_local.scenario.staff import Staff
from tandem_local.services import PROBE, SERVICES, is_ready

from observability.live.store import Store, place_order


class Theatre:
    """The store, and its processes by name: those that were started anew take the place of those that were killed."""

    def __init__(self, store: Store, sku: str, limits: Running, parts: ExitStack) -> None:
        self.store = store
        self.sku = sku
        self._parts = parts
        self.processes: dict[str, Running] = dict(
            zip((*SERVICES, PROBE, "kafka", "postgres"), store.system.processes, strict=True), limits=limits
        )

    def kill(self, name: str) -> None:
        self.processes[name].signal(SIGKILL)
        self.processes[name].stop()

    def start(self, name: str) -> None:
        self.begin(name)
        port = self.store.system.wiring.ports.operations[name]
        self.processes[name].wait_until(lambda: is_ready(port), seconds=120, pause=0.1)

    def begin(self, name: str, **settings: str) -> None:
        """Start it, with other settings, and do not wait until it is ready."""
        command = self.store.system.wiring.commands()[name]
        self.processes[name] = start(replace(command, env={**(command.env or {}), **settings}))
        self._parts.callback(self.processes[name].stop)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP, then SIGCONT."""
        self.processes[name].signal(SIGSTOP)
        try:
            yield
        finally:
            self.processes[name].signal(SIGCONT)

    def order(self, count: int) -> list[str]:
        with self.store.customer() as customer:
            return [place_order(customer, self.sku) for _ in range(count)]


Play = Callable[[Theatre], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and the alerts (with their severity) that have to tell."""

    what: str
    play: Play
    alerts: tuple[tuple[str, str], ...]


def publish_product(store: Store, *, pieces: int) -> str:
    """As staff do; returns its SKU."""
    sku = f"OBSERVED-{uuid.uuid4().hex[:6].upper()}"
    with Browser(store.system.admin_url) as browser:
        staff = Staff(browser)
        staff.log_in(STAFF, store.system.credentials.staff_password)
        page = staff.draft_product(
            sku=sku,
            name="Observed notebook",
            description="For orders that something happens to.",
            category="Desk & paper",
            price="14.50",
            pieces=pieces,
        )
        staff.publish(page)
    return sku
