"""A link in each kind of weather, between a real client and a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, suppress

import pytest

from chaos.network import FAIR, Link, Network, Weather, running_network

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that says everything again."""
    answering: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())  # type: ignore[arg-type]  # we are in one
        with suppress(ConnectionError), closing(writer):
            while data := await reader.read(1000):
                writer.write(data)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*answering)


@pytest.fixture
def network(echo: int) -> Iterator[Network]:
    with running_network() as network:
        yield network


@pytest.fixture
def link(network: Network, echo: int) -> Link:
    return network.link("client", "echo", echo)


@pytest.fixture
async def connect(link: Link) -> AsyncIterator[Connect]:
    """A new connection through the link."""
    opened: list[Streams] = []

    async def connect() -> Streams:
        opened.append(await asyncio.open_connection("127.0.0.1", link.port))
        return opened[-1]

    yield connect
    for _, writer in opened:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def say(streams: Streams, words: bytes) -> bytes:
    """What comes back; nothing when the connection ends."""
    reader, writer = streams
    writer.write(words)
    return await reader.read(1000)


async def turn(link: Link, weather: Weather) -> None:
    await asyncio.to_thread(link.turn, weather)


async def test_a_fair_link_passes_everything_on(connect: Connect) -> None:
    assert await say(await connect(), b"hello") == b"hello"


async def test_a_cut_resets_connections_and_refuses_new_ones_until_it_heals(link: Link, connect: Connect) -> None:
    before = await connect()
    await say(before, b"hello")
    await turn(link, Weather("cut"))

    with pytest.raises(ConnectionResetError):
        await before[0].read()
    with pytest.raises(ConnectionResetError):
        await (await connect())[0].read()
    await turn(link, FAIR)
    assert await say(await connect(), b"again") == b"again"


async def test_what_was_swallowed_stays_unanswered_when_a_silent_link_heals(link: Link, connect: Connect) -> None:
    before = await connect()
    await say(before, b"hello")
    await turn(link, Weather("silent"))
    during = await connect()
    await turn(link, Weather("silent"))  # behind which the network has met the new connection
    waiting = [asyncio.create_task(say(streams, b"anybody?")) for streams in (before, during)]
    await turn(link, FAIR)

    assert await say(await connect(), b"new") == b"new"  # later than the others, and answered
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_failing_link_answers_for_the_server(link: Link, connect: Connect) -> None:
    await turn(link, Weather("failing"))

    assert (await say(await connect(), b"POST / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("weather", [Weather("slow", 0.01), Weather("narrow", 100_000)])
async def test_bad_weather_keeps_the_bytes_in_order(link: Link, connect: Connect, weather: Weather) -> None:
    await turn(link, weather)
    reader, writer = await connect()
    sent = b"".join(b"%06d" % number for number in range(2000))
    writer.write(sent)

    assert await reader.readexactly(len(sent)) == sent
