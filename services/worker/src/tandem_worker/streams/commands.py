"""`tandem-worker events tail`, `events of` and `lag`: looking at streams."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from sqlalchemy.exc import DBAPIError
from tandem_contracts.registry import TOPIC_OF
from tandem_contracts.topics import TOPICS
from tandem_runtime.kafka import KafkaSettings
from tandem_runtime.settings import load_settings

from tandem_worker import terminal
from tandem_worker.database import session_factory
from tandem_worker.relay.outbox import open_outbox
from tandem_worker.settings import Settings
from tandem_worker.streams import lag as lags
from tandem_worker.streams import tail as tails
from tandem_worker.streams.broker import Broker, BrokerAwayError, NoSuchTopicError, connected
from tandem_worker.streams.presentation import stream_page
from tandem_worker.streams.stream import find_published, find_stored
from tandem_worker.terminal import fail

T = TypeVar("T")
APPLICATION = "tandem-tools"

events = typer.Typer(name="events", help="Look at streams of events.", no_args_is_help=True)

Topics = Annotated[
    list[str] | None, typer.Option("--topic", help="Only of this topic; may be repeated.", show_default=False)
]
Payload = Annotated[bool, typer.Option("--payload", help="Show payloads: they hold customers' data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@events.command()
def tail(
    *,
    topic: Topics = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only events of such a type, as 'order.*'; may be repeated.", show_default=False),
    ] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest event.")] = False,
    as_json: AsJson = False,
    payload: Payload = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.", show_default=False)] = None,
) -> None:
    """Follow events as they are published, until Ctrl-C."""
    settings = load_settings(KafkaSettings)
    form = tails.as_json if as_json else tails.line

    async def follow(broker: Broker) -> None:
        shown = 0
        async for seen in tails.sightings(broker, _names(topic), types=types or (), from_beginning=from_beginning):
            typer.echo(form(seen, payload=payload))
            shown += 1
            if shown == limit:
                return

    try:
        asyncio.run(_at_broker(settings, follow))
    except (BrokerAwayError, NoSuchTopicError) as error:
        fail(broker_line(settings, error))
    except KeyboardInterrupt:
        typer.echo(err=True)  # behind the terminal's ^C


@events.command()
def of(
    aggregate: Annotated[Any, typer.Argument(parser=terminal.aggregate, metavar="TYPE/ID", show_default=False)],
    *,
    payload: Payload = False,
) -> None:
    """Show all that is known of one aggregate: published, waiting, applied, dead; gaps and duplicates are marked."""
    kind, _ = aggregate
    if kind not in TOPIC_OF:
        raise typer.BadParameter(f"{kind} has no events; {', '.join(TOPIC_OF)} have")
    settings = load_settings(Settings)
    unreachable: list[str] = []

    async def find() -> str:
        url = settings.database_url.get_secret_value()
        async with session_factory(url, pool_size=1, application=APPLICATION) as sessions:
            stored = await _unless_away(settings, find_stored(sessions, aggregate), unreachable)
        published = await _unless_away(
            settings, _at_broker(settings, lambda broker: find_published(broker, aggregate)), unreachable
        )
        if not unreachable and not (published and published.sightings) and stored and stored.head is None:
            fail(f"{kind}/{aggregate[1]}: nothing is known of it")
        return stream_page(aggregate, published, stored, payload=payload)

    typer.echo(asyncio.run(find()))
    if unreachable:
        fail("", *unreachable)


def lag(*, topic: Topics = None, as_json: AsJson = False) -> None:
    """Show how far each consumer group is behind, what waits in the outbox, and which dead letters wait."""
    settings = load_settings(Settings)
    unreachable: list[str] = []

    async def measure() -> tuple[list[lags.PartitionLag] | None, lags.Backlog | None]:
        groups = _at_broker(settings, lambda broker: lags.measure_groups(broker, _names(topic)))
        return (
            await _unless_away(settings, groups, unreachable),
            await _unless_away(settings, _backlog(settings), unreachable),
        )

    measured, backlog = asyncio.run(measure())
    if as_json:
        typer.echo(json.dumps(lags.as_json(measured, backlog, unreachable), indent=2))
    else:
        lines = [] if measured is None else lags.group_lines(measured)
        typer.echo("\n".join([*lines, *([] if backlog is None else lags.backlog_lines(backlog))]))
    if unreachable:
        fail(*unreachable)


def _names(topics: list[str] | None) -> list[str]:
    return topics or [topic.name for topic in TOPICS]


async def _backlog(settings: Settings) -> lags.Backlog:
    async with await open_outbox(settings.database_url.get_secret_value(), application=APPLICATION) as connection:
        return await lags.measure_backlog(connection)


async def _at_broker(settings: KafkaSettings, work: Callable[[Broker], Awaitable[T]]) -> T:
    async with connected(settings) as broker:
        return await work(broker)


async def _unless_away(settings: Settings, work: Awaitable[T], unreachable: list[str]) -> T | None:
    """The result of `work`; None, and a line in `unreachable`, when database or broker cannot be asked."""
    try:
        return await work
    except (BrokerAwayError, NoSuchTopicError) as error:
        unreachable.append(broker_line(settings, error))
    except (psycopg.Error, DBAPIError) as error:
        unreachable.append(database_line(error))
    return None


def broker_line(settings: KafkaSettings, error: Exception) -> str:
    return f"the broker at {settings.kafka_bootstrap_servers} could not be asked: {error}"


def database_line(error: psycopg.Error | DBAPIError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"the database could not be asked: {(str(cause).strip() or repr(cause)).splitlines()[0]}"
