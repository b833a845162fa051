"""`tandem-worker dead-letters`, `replay` and `discard`: from a shell, with the database alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from sqlalchemy.exc import OperationalError
from tandem_runtime.settings import load_settings
from tandem_tables.events import DeadLetterDecision

from tandem_worker import terminal
from tandem_worker.database import SessionFactory, session_factory
from tandem_worker.dead_letters import decisions
from tandem_worker.dead_letters.decisions import Which
from tandem_worker.dead_letters.presentation import decision_line, letter_page, letter_table
from tandem_worker.dead_letters.repository import Action
from tandem_worker.settings import DatabaseSettings
from tandem_worker.terminal import fail

POLL_SECONDS = 0.3

dead_letters = typer.Typer(
    name="dead-letters", help="Look at the events that could not be applied.", no_args_is_help=True
)


def _email(text: str) -> str:
    if "@" not in text.strip("@"):
        raise typer.BadParameter("say who you are by your email address")
    return text


def _something(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("must not be empty")
    return text.strip()


Ids = Annotated[list[UUID] | None, typer.Argument(metavar="[ID]...", help="Ids of dead letters.", show_default=False)]
ConsumerName = Annotated[str | None, typer.Option("--consumer", help="Only of this consumer.", show_default=False)]
OfAggregate = Annotated[
    Any,
    typer.Option(
        "--aggregate", parser=terminal.aggregate, metavar="TYPE/ID", help="Only of this aggregate.", show_default=False
    ),
]
ErrorPart = Annotated[
    str | None, typer.Option("--error", help="Only with this in the error's text.", show_default=False)
]
Why = Annotated[str, typer.Option(callback=_something, help="The reason; it is kept.", show_default=False)]
By = Annotated[str, typer.Option(callback=_email, metavar="EMAIL", help="Who decides; it is kept.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Follow until the decisions are carried out.")]
Timeout = Annotated[float, typer.Option(help="How many seconds to wait at most.")]


@dead_letters.command("list")
def list_letters(
    *,
    consumer: ConsumerName = None,
    aggregate: OfAggregate = None,
    error: ErrorPart = None,
    state: Annotated[
        Literal["dead", "queued", "replayed", "discarded"] | None,
        typer.Option(help="Only in this state; dead and queued unless given.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
) -> None:
    """List dead letters, those of an aggregate in order."""
    which = Which(consumer=consumer, aggregate=aggregate, error=error)

    async def run(sessions: SessionFactory) -> None:
        async with sessions() as session:
            found = await decisions.find_letters(
                session, which, states=(state,) if state else ("dead", "queued"), limit=limit + 1
            )
        typer.echo(letter_table(found[:limit]) if found else "none")
        if len(found) > limit:
            typer.echo(f"… and more: these are the first {limit} (--limit)")

    _run(run)


@dead_letters.command()
def show(letter_id: Annotated[UUID, typer.Argument(metavar="ID")]) -> None:
    """Show one dead letter: error, payload, its neighbours, what was decided."""

    async def run(sessions: SessionFactory) -> None:
        async with sessions() as session:
            letter = await decisions.find_letter(session, letter_id)
            if letter is None:
                fail(f"{letter_id}: there is no such dead letter")
            aggregate = Which(consumer=letter.consumer, aggregate=(letter.aggregate_type, letter.aggregate_id))
            typer.echo(
                letter_page(
                    letter,
                    position=await decisions.position_of(session, letter),
                    unsettled=await decisions.find_letters(session, aggregate),
                    decided=await decisions.decisions_about(session, letter),
                )
            )

    _run(run)


def replay(
    *,
    why: Why,
    by: By,
    ids: Ids = None,
    consumer: ConsumerName = None,
    aggregate: OfAggregate = None,
    error: ErrorPart = None,
    despite_gap: Annotated[bool, typer.Option("--despite-gap", help="Although an earlier version is missing.")] = False,
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Apply dead letters again: those named, or all unsettled ones for which the options hold."""
    which = Which(tuple(ids or ()), consumer, aggregate, error)
    action: Action = "replay_despite_gap" if despite_gap else "replay"
    _decide(which, action, why=why, by=by, wait_seconds=timeout if wait else None)


def discard(
    *,
    why: Why,
    by: By,
    ids: Ids = None,
    consumer: ConsumerName = None,
    aggregate: OfAggregate = None,
    error: ErrorPart = None,
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Give dead letters up: those named, or all unsettled ones for which the options hold. There is no way back."""
    which = Which(tuple(ids or ()), consumer, aggregate, error)
    _decide(which, "discard", why=why, by=by, wait_seconds=timeout if wait else None)


def _decide(which: Which, action: Action, *, why: str, by: str, wait_seconds: float | None) -> None:
    if which.all:
        fail("say which: ids, or --aggregate, --consumer or --error")

    async def run(sessions: SessionFactory) -> None:
        async with sessions.begin() as session:
            chosen = which.ids or [letter.id for letter in await decisions.find_letters(session, which)]
            if not chosen:
                fail("no unsettled dead letter is such")
            refused = await decisions.why_not(session, chosen, action)
            if which.ids and refused:  # what was named must be right; nothing is decided by halves
                fail(*(f"{letter_id}: {reason}" for letter_id, reason in refused.items()))
            possible = [letter_id for letter_id in chosen if letter_id not in refused]
            made = await decisions.decide(session, possible, action, why=why, decided_by=by)
        for letter_id, reason in refused.items():
            typer.echo(f"left alone: {letter_id} {reason}")
        for decision in made:
            typer.echo(decision_line(decision))
        typer.echo(f"{len(made)} decided")
        if wait_seconds is not None:
            await _follow(sessions, made, wait_seconds)

    _run(run)


async def _follow(sessions: SessionFactory, made: Sequence[DeadLetterDecision], seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    waiting = {decision.id for decision in made}
    failed = 0
    while waiting and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        async with sessions() as session:
            for decision in await decisions.find_decisions(session, waiting):
                if decision.outcome != "pending":
                    waiting.discard(decision.id)
                    failed += decision.outcome == "failed"
                    typer.echo(decision_line(decision))
    if waiting:
        fail(f"{len(waiting)} still pending: either those before them are not decided, or no consumer is running")
    if failed:
        raise typer.Exit(1)


def _run(work: Callable[[SessionFactory], Awaitable[None]]) -> None:
    settings = load_settings(DatabaseSettings)

    async def main() -> None:
        url = settings.database_url.get_secret_value()
        async with session_factory(url, pool_size=1, application="tandem-dead-letters") as sessions:
            await work(sessions)

    try:
        asyncio.run(main())
    except OperationalError as error:
        fail(f"the database cannot be reached: {str(error.orig).strip().splitlines()[0]}")
