"""`tandem-worker events lost` and `events restore`: Kafka after Postgres went back to an earlier moment."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import psycopg
import typer
from tandem_runtime.settings import load_settings

from tandem_worker.relay.outbox import open_outbox
from tandem_worker.restore import services
from tandem_worker.restore.standings import Judged
from tandem_worker.settings import Settings
from tandem_worker.streams import tail as tails
from tandem_worker.streams.broker import Broker, BrokerAwayError, NoSuchTopicError, connected
from tandem_worker.streams.commands import broker_line, database_line
from tandem_worker.terminal import fail

APPLICATION = "tandem-restore"
# Of these the topics have the last copy.
LAST_COPY = ("lost", "malformed")
AGAIN = "Begin again with `events lost`, and keep what you have saved."


def lost() -> None:
    """Write what was published and the restored database does not know, a line of JSON each; nothing is changed.

    With payloads, customers' data among them: nobody else has them any more. A summary goes to standard error.
    """

    async def show() -> None:
        counts: Counter[str] = Counter()
        async with _alone(load_settings(Settings)) as (broker, connection):
            async for batch in services.look(broker, connection, await services.all_extents(broker)):
                counts.update(judged.standing for judged in batch)
                for judged in _last_copies(batch):
                    typer.echo(tails.as_json(judged.seen, payload=True))
        typer.echo(", ".join(f"{counts[standing]} {standing}" for standing in (*LAST_COPY, "due", "applied")), err=True)

    asyncio.run(show())


def restore(
    *,
    saved: Annotated[int, typer.Option(min=0, help="How many lines of `events lost` you have saved: they go now.")],
) -> None:
    """Publish again what somebody has still to apply, then delete everything that was in the topics before.

    docs/backup-and-restore.md says when, and what to do about what is lost.
    """
    settings = load_settings(Settings)

    async def carry_out() -> None:
        async with _alone(settings) as (broker, connection):
            extents = await services.all_extents(broker)
            there = 0
            async for batch in services.look(broker, connection, extents):
                there += len(_last_copies(batch))
            if there != saved:
                fail(f"{there} records would be gone for good, {saved} are saved. Nothing was changed.")
            with _telling(settings, f"Nothing was deleted; what is due may be there twice. {AGAIN}"):
                await services.publish_due(broker, connection, settings, extents)
            with _telling(settings, f"What is due is published again, the rest may be deleted in part. {AGAIN}"):
                await services.delete_all_before(broker, extents)

    asyncio.run(carry_out())
    typer.echo("what was due is published again, all that was there before is deleted")


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[tuple[Broker, psycopg.AsyncConnection]]:
    with _telling(settings, "Nothing was changed."):
        url = settings.database_url.get_secret_value()
        async with connected(settings) as broker, await open_outbox(url, application=APPLICATION) as connection:
            await services.stay_alone(broker, connection)
            yield broker, connection


@contextmanager
def _telling(settings: Settings, state: str) -> Iterator[None]:
    """What goes wrong in the block ends the command, which says what it leaves behind."""
    try:
        yield
    except services.CompanyError as error:
        fail(f"{error}: stop the worker first, also that of the old database.", state)
    except (BrokerAwayError, NoSuchTopicError) as error:
        fail(broker_line(settings, error), state)
    except psycopg.Error as error:
        fail(database_line(error), state)


def _last_copies(batch: Sequence[Judged]) -> list[Judged]:
    return [judged for judged in batch if judged.standing in LAST_COPY]
