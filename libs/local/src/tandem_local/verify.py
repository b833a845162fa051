"""`tandem-verify`: the scenario against a system that runs somewhere else, such as the cluster this pod is in."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from anyio.from_thread import start_blocking_portal
from rich.console import Console
from rich.markup import escape

from tandem_local.logins import Logins
from tandem_local.progress import Progress
from tandem_local.scenario import ScenarioFailedError, play

CHUNK_BYTES = 65_536
app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True)
class Elsewhere:
    """A system of which only its addresses are known (tandem_local.scenario.play.Scene)."""

    admin_url: str
    api_url: str
    credentials: Logins
    progress: Progress
    spans: None = None


@app.command()
def main(
    admin_url: Annotated[str, typer.Option(envvar="TANDEM_ADMIN_URL")],
    api_url: Annotated[str, typer.Option(envvar="TANDEM_API_URL")],
    staff_password: Annotated[str, typer.Option(envvar="TANDEM_DEMO_STAFF_PASSWORD")],
    customer_password: Annotated[str, typer.Option(envvar="TANDEM_DEMO_CUSTOMER_PASSWORD")],
    *,
    through: Annotated[
        list[str] | None,
        typer.Option(help="Such as 8000=tandem-admin:80: what this machine's port stands for, where URLs name it."),
    ] = None,
) -> None:
    """Publish a product, order it, see it paid, ship it; status 1 when something is not as it should be."""
    progress = Progress(console)
    scene = Elsewhere(admin_url, api_url, Logins(staff_password, customer_password), progress)
    try:
        with ports_led(through or []):
            play(scene)
    except (ScenarioFailedError, ValueError, OSError) as failure:
        progress.say(f"[bold red]failed:[/] {escape(str(failure))}")
        raise typer.Exit(1) from None


@contextmanager
def ports_led(through: Sequence[str]) -> Iterator[None]:
    """Lead ports of this machine to hosts while the block runs; ValueError for what is not PORT=HOST:PORT."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_leading(through)):
        yield


@asynccontextmanager
async def _leading(through: Sequence[str]) -> AsyncIterator[None]:
    with ExitStack() as parts:
        for one in through:
            parts.callback((await _lead(one)).close)
        yield


async def _lead(one: str) -> asyncio.Server:
    local, _, target = one.partition("=")
    host, _, port = target.rpartition(":")
    if not (local.isdecimal() and host and port.isdecimal()):
        raise ValueError(f"{one} is not such as 8000=tandem-admin:80")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()  # as a host does that has nobody on its port
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    return await asyncio.start_server(carry, "127.0.0.1", int(local))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
