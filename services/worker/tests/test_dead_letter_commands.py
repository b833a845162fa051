"""Dead letters from a shell: what an operator sees, and what is kept of what was decided."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from letters import TRACEPARENT, Bench, event, malformed_record
from store import Store
from tandem_worker.dead_letters.main import settle_dead_letters
from tandem_worker.main import app
from typer.testing import CliRunner, Result

Shell = Callable[..., Awaitable[Result]]
REASON = ("--why", "the release is mended", "--by", "ada@tandem.example")


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


@pytest.fixture
def shell(store: Store) -> Shell:
    """Runs `tandem-worker` with the database alone."""
    env = {"TANDEM_ENVIRONMENT": "test", "TANDEM_DATABASE_URL": store.database.url("tandem_worker"), "COLUMNS": "200"}

    async def run(*arguments: object) -> Result:
        return await asyncio.to_thread(CliRunner(env=env).invoke, app, [str(one) for one in arguments])

    return run


async def die(bench: Bench, *versions: int, order: UUID | None = None, error: str = "a bad release") -> UUID:
    order = order or uuid4()
    bench.poison(1)
    bench.failures[1].args = (error,)
    await bench.deliver(*(event(order, version) for version in versions))
    bench.failures = {}
    return order


async def test_the_list_shows_what_waits_in_the_order_of_its_aggregate(bench: Bench, shell: Shell) -> None:
    order = await die(bench, 1, 3, 2)

    _, *rows = (await shell("dead-letters", "list")).output.splitlines()

    about = f"order/{order}"
    assert [row.split()[1:6] for row in rows] == [
        ["dead", "poison", "bench", about, "1"],
        ["queued", "behind", "bench", about, "2"],
        ["queued", "behind", "bench", about, "3"],
    ]
    assert rows[0].endswith("PoisonError: a bad release")


async def test_the_list_is_narrowed_by_what_is_asked(bench: Bench, shell: Shell) -> None:
    first = await die(bench, 1, error="no stock row")
    second = await die(bench, 1, error="100% else")

    async def listed(*arguments: object) -> set[UUID]:
        output = (await shell("dead-letters", "list", *arguments)).output
        return {order for order in (first, second) if str(order) in output}

    assert await listed() == {first, second}
    assert await listed("--aggregate", f"order/{second}") == {second}
    assert await listed("--error", "stock") == {first}
    assert await listed("--error", "100%") == {second}
    assert await listed("--consumer", "another") == set()
    assert await listed("--state", "queued") == set()
    assert len(await listed("--limit", 1)) == 1


async def test_a_letter_is_shown_with_all_that_helps_to_decide(bench: Bench, shell: Shell) -> None:
    await die(bench, 1, 2)
    letter = bench.id_of(1)
    await shell("replay", letter, *REASON)

    shown = (await shell("dead-letters", "show", letter)).output

    for part in ("PoisonError: a bad release", '"number": 1', TRACEPARENT, "the consumer is at 0", "queued", "pending"):
        assert part in shown
    for part in ("ada@tandem.example", "the release is mended"):
        assert part in shown


async def test_a_replay_keeps_who_and_why_and_follows_until_it_is_carried_out(bench: Bench, shell: Shell) -> None:
    order = await die(bench, 1, 2)
    stop = asyncio.Event()
    task = asyncio.create_task(settle_dead_letters(bench.consumer, bench.store.worker, stop))

    result = await shell("replay", bench.id_of(1), *REASON, "--wait")
    stop.set()
    await task

    assert result.exit_code == 0, result.output
    assert f"pending  replay  order/{order} version 1" in result.output
    assert f"done     replay  order/{order} version 1" in result.output
    row = bench.store._row("SELECT decided_by, why FROM events_deadletterdecision WHERE version = %s", 1)
    assert row == ("ada@tandem.example", "the release is mended")


async def test_a_replay_that_fails_is_told_and_ends_with_status_1(bench: Bench, shell: Shell) -> None:
    await die(bench, 1)
    bench.poison(1)
    stop = asyncio.Event()
    task = asyncio.create_task(settle_dead_letters(bench.consumer, bench.store.worker, stop))

    result = await shell("replay", bench.id_of(1), *REASON, "--wait")
    stop.set()
    await task

    assert result.exit_code == 1
    assert "failed" in result.output
    assert "PoisonError: a bad release" in result.output


async def test_waiting_without_a_consumer_ends_and_says_so(bench: Bench, shell: Shell) -> None:
    await die(bench, 1)

    result = await shell("discard", bench.id_of(1), *REASON, "--wait", "--timeout", 0.5)

    assert result.exit_code == 1
    assert "1 still pending" in result.output


async def test_all_of_an_aggregate_or_all_with_an_error_are_decided_at_once(bench: Bench, shell: Shell) -> None:
    await die(bench, 1, error="no stock row")
    await die(bench, 1, error="no stock row")
    other = await die(bench, 1, 2, 3)

    assert "2 decided" in (await shell("replay", "--error", "stock", *REASON)).output
    assert "3 decided" in (await shell("discard", "--aggregate", f"order/{other}", *REASON)).output
    await bench.settle()

    assert sorted(letter.state for letter in bench.letters()) == [*["discarded"] * 3, *["replayed"] * 2]


async def test_what_is_decided_already_is_left_alone(bench: Bench, shell: Shell) -> None:
    order = await die(bench, 1, 2)
    await shell("discard", bench.id_of(2), *REASON)

    result = await shell("replay", "--aggregate", f"order/{order}", *REASON)

    assert "left alone" in result.output
    assert "1 decided" in result.output
    assert [(version, action) for version, action, _, _ in bench.decisions()] == [(2, "discard"), (1, "replay")]


async def test_a_gap_is_replayed_over_when_that_is_said(bench: Bench, shell: Shell) -> None:
    order = uuid4()
    await bench.deliver(event(order, 1), event(order, 3))

    await shell("replay", "--aggregate", f"order/{order}", "--despite-gap", *REASON)
    await bench.settle()

    assert bench.effects(order) == [1, 3]


class TestRefused:
    async def test_with_all_its_reasons_and_nothing_decided_by_halves(self, bench: Bench, shell: Shell) -> None:
        await die(bench, 1, 2)
        await shell("discard", bench.id_of(1), *REASON)
        await bench.settle()
        await die(bench, 1)
        waiting = next(iter(bench.ids("dead")))
        unknown = uuid4()

        result = await shell("replay", waiting, unknown, bench.id_of(2), *REASON)

        assert result.exit_code == 1
        assert f"{unknown}: there is no such dead letter" in result.output
        assert f"{bench.id_of(2)}: is replayed since" in result.output
        assert len(bench.decisions()) == 1

    async def test_for_a_record_that_is_no_event(self, bench: Bench, shell: Shell) -> None:
        await die(bench, 1)
        await bench.bury_malformed(malformed_record(offset=6))

        named = await shell("replay", bench.id_of(7), *REASON)
        assert named.exit_code == 1
        assert "can only be discarded" in named.output

        meant = await shell("replay", "--consumer", "bench", *REASON)
        assert "left alone" in meant.output
        assert [version for version, *_ in bench.decisions()] == [1]

    async def test_twice(self, bench: Bench, shell: Shell) -> None:
        await die(bench, 1)
        await shell("discard", bench.id_of(1), *REASON)

        result = await shell("replay", bench.id_of(1), *REASON)

        assert result.exit_code == 1
        assert "ada@tandem.example decided already: discard, pending" in result.output

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ((*REASON,), "say which"),
            (("--error", "none is such", *REASON), "no unsettled dead letter is such"),
            (("--consumer", "bench", "--why", " ", "--by", "ada@tandem.example"), "must not be empty"),
            (("--consumer", "bench", "--why", "mended", "--by", "ada"), "by your email address"),
            (("--consumer", "bench", "--why", "mended"), "--by"),
            (("--aggregate", "order", *REASON), "such as order/"),
        ],
    )
    async def test_without_what_is_needed(
        self, bench: Bench, shell: Shell, arguments: tuple[str, ...], told: str
    ) -> None:
        await die(bench, 1)

        result = await shell("replay", *arguments)

        assert result.exit_code != 0
        assert told in result.output
        assert bench.decisions() == []

    async def test_in_one_line_when_the_database_is_away(self) -> None:
        env = {"TANDEM_ENVIRONMENT": "test", "TANDEM_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}

        result = await asyncio.to_thread(CliRunner(env=env).invoke, app, ["dead-letters", "list"])

        assert result.exit_code == 1
        (line,) = result.output.strip().splitlines()
        assert line.startswith("the database cannot be reached: ")
