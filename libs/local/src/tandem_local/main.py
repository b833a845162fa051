"""`tandem`: the system on this machine, without containers."""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tandem_local.aot import faster_next_time
from tandem_local.attached import NotRunningError, become, settings_beside
from tandem_local.cluster_secrets import secrets_manifest
from tandem_local.credentials import kept_credentials
from tandem_local.logins import CUSTOMER, STAFF
from tandem_local.postgres import remove_postgres
from tandem_local.processes import ProcessFailed
from tandem_local.programs import ROLES
from tandem_local.progress import Progress
from tandem_local.prometheus import NoPrometheusError, running_prometheus
from tandem_local.scenario import ScenarioFailedError, play
from tandem_local.stopping import StopRequested, stopping_on_signals
from tandem_local.system import System, running_system

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console()

# Beside the environment that this command is installed in, which is in the checkout.
CHECKOUT = Path(sys.prefix).resolve().parent
HOME = CHECKOUT / ".tandem"
RULES = CHECKOUT / "observability" / "rules"
Home = Annotated[Path, typer.Option(envvar="TANDEM_HOME", help="Where the data is kept.")]


@app.command()
def demo(
    home: Home = HOME,
    once: Annotated[bool, typer.Option("--once", help="End when the scenario has been played.")] = False,
) -> None:
    """Start everything, carry one order through it, and stay up until Ctrl-C."""

    def play_and_stay(system: System) -> None:
        play(system)
        if not once:
            _stay_up(system)

    _run(home, play_and_stay)


@app.command()
def up(
    home: Home = HOME,
    observe: Annotated[bool, typer.Option("--observe", help="With the probe, Prometheus and the alerts.")] = False,
) -> None:
    """Start everything and stay up until Ctrl-C."""
    _run(home, _stay_up_observed if observe else _stay_up, probed=observe)


@app.command("exec", context_settings={"allow_interspersed_args": False})
def run_beside(
    command: Annotated[list[str], typer.Argument(help="Such as: tandem-worker lag", show_default=False)],
    *,
    home: Home = HOME,
    role: Annotated[str, typer.Option(help="The database role, one of: " + ", ".join(ROLES))] = "tandem_worker",
) -> None:
    """Run a command with the settings of the system that is running."""
    if role not in ROLES:
        raise typer.BadParameter(f"{role} is not one of {', '.join(ROLES)}")
    try:
        become(command, settings_beside(home.resolve(), role))
    except NotRunningError as error:
        console.print(str(error), soft_wrap=True)
    except FileNotFoundError:
        console.print(f"{command[0]}: there is no such command", soft_wrap=True)
    raise typer.Exit(1)


@app.command()
def secrets(home: Home = HOME) -> None:
    """Write the Secrets of a development cluster as a manifest, for kubectl apply: the charts make none."""
    home.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(secrets_manifest(kept_credentials(home / "secrets.json")))


@app.command()
def reset(home: Home = HOME) -> None:
    """Remove the data that `up` and `demo` keep."""
    if not home.exists():
        console.print("there is no data")
        return
    with _alone(home):
        remove_postgres(home)
        shutil.rmtree(home)
    console.print(f"removed {home}")


def _run(home: Path, use: Callable[[System], None], *, probed: bool = False) -> None:
    """Run the system and use it; end this process with a status that says how it went."""
    progress = Progress(console)
    status = 0
    with _alone(home):
        try:
            with (
                stopping_on_signals() as stop,
                running_system(home.resolve(), progress, stop=stop, probed=probed) as system,
            ):
                _tell_failures(system, use)
        except StopRequested as request:
            status = request.status
        except (ProcessFailed, ScenarioFailedError, TimeoutError):  # already told, before the stop
            status = 1
    progress.say("stopped, nothing is left running")
    raise typer.Exit(status)


def _tell_failures(system: System, use: Callable[[System], None]) -> None:
    try:
        use(system)
    except ScenarioFailedError as failure:
        system.check()  # a part that died is the better reason
        system.progress.say(f"[bold red]failed:[/] {escape(str(failure))}")
        raise


def _stay_up(system: System) -> None:
    _show_addresses(system)
    with faster_next_time(system.logs, stop=system.stop):
        while True:
            system.check()
            time.sleep(0.2)


def _stay_up_observed(system: System) -> None:
    try:
        with running_prometheus(
            system.wiring.home, system.wiring.ports.operations, sorted(RULES.glob("*.yaml")), stop=system.stop
        ) as prometheus:
            system.progress.say(f"Prometheus: {prometheus.url}/alerts, {prometheus.url}/graph")
            _stay_up(system)
    except NoPrometheusError as missing:
        system.progress.say(f"[yellow]{escape(str(missing))}[/]")
        _stay_up(system)


def _show_addresses(system: System) -> None:
    lines = {
        "Admin": f"{system.admin_url}/admin/   {STAFF}   {system.credentials.staff_password}",
        "Customer": f"{CUSTOMER}   {system.credentials.customer_password}",
        "API": f"{system.api_url}/docs",
        "Mails": f"{system.wiring.mails}, a file each",
        "Logs": str(system.logs),
    }
    system.progress.say("\nCtrl-C stops it; meanwhile:\n")
    for name, line in lines.items():
        system.progress.say(f"  [bold]{name:<10}[/]{line}")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One system at a time in a home: end this process with a message if there is another."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.read(descriptor, 20).decode()
        console.print(f"Tandem is already running in {home} (process {other}): stop that first.", soft_wrap=True)
        raise typer.Exit(1) from None
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)
