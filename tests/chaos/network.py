"""The network between two parts of the system: a TCP proxy for each pair, that can turn bad."""

import asyncio
import socket
import struct
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Literal

from tandem_local.ports import free_port

CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
ERROR_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Weather:
    """How a link behaves.

    cut: connections are reset, and so is each new one. silent: bytes are swallowed and nothing ever answers, nor does a
    connection that lived through it, for as long as it lives (half open). slow: each piece takes `amount` seconds more.
    narrow: at most `amount` bytes a second. failing: whatever is asked by HTTP is answered 500.
    """

    kind: Literal["fair", "cut", "silent", "slow", "narrow", "failing"] = "fair"
    amount: float = 0


FAIR = Weather()


class Link:
    """Listens on `port` and passes on to `target`, a port too; `name` says who talks to whom."""

    def __init__(self, name: str, target: int, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.port = free_port()
        self.target = target
        self._loop = loop
        self._weather = FAIR
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server

    def turn(self, weather: Weather) -> None:
        """Change the weather, for connections that are there and for new ones; from any thread."""
        _result(self._turn(weather), self._loop)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def close(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.close()

    async def _turn(self, weather: Weather) -> None:
        self._weather = weather
        for connection in list(self._connections):
            if weather.kind == "cut":
                connection.reset()
            elif weather.kind == "silent":
                connection.deaf = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        self._connections.add(connection)
        try:
            if self._weather.kind == "cut":
                connection.reset()
            elif self._weather.kind == "failing":
                await reader.read(CHUNK)
                writer.write(ERROR_500)
                await writer.drain()
            else:
                connection.deaf = self._weather.kind == "silent"
                await self._join(connection, reader, writer)
        except OSError:
            pass  # either end went away: so does the other
        finally:
            connection.close()
            self._connections.discard(connection)

    async def _join(self, connection: "_Connection", near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connection.deaf:
            await self._pump(connection, near, None)
            return
        far, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        connection.writers.append(far_writer)
        out = asyncio.ensure_future(self._pump(connection, near, far_writer))
        back = asyncio.ensure_future(self._pump(connection, far, writer))
        try:
            await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
            await self._stay_silent(connection, out)
        finally:
            for pump in (out, back):
                pump.cancel()
            await asyncio.gather(out, back, return_exceptions=True)

    async def _stay_silent(self, connection: "_Connection", out: "asyncio.Task[None]") -> None:
        """The near end of a silent connection must not learn that the far one is gone."""
        if connection.deaf:
            await out

    async def _pump(
        self, connection: "_Connection", source: asyncio.StreamReader, sink: asyncio.StreamWriter | None
    ) -> None:
        while data := await source.read(CHUNK):
            match self._weather:
                case Weather("slow", seconds):
                    await asyncio.sleep(seconds)
                case Weather("narrow", bytes_per_second):
                    await asyncio.sleep(len(data) / bytes_per_second)
            if sink is None or connection.deaf:
                continue
            sink.write(data)
            await sink.drain()


class _Connection:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]
        self.deaf = False

    def reset(self) -> None:
        """End it as a router does that forgot it: at once, without a goodbye."""
        for writer in self.writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self.writers:
            writer.close()


class Network:
    """All links, by name, on one event loop in a thread of its own."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._begun = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="network", daemon=True)

    def link(self, client: str, server: str, target: int) -> Link:
        """A new link, called `client`→`server`, that leads to the port `target`."""
        link = Link(f"{client}→{server}", target, self._loop)
        _result(link.listen(), self._loop)
        self.links[link.name] = link
        return link

    def clear(self) -> None:
        for link in self.links.values():
            link.turn(FAIR)

    def start(self) -> None:
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # a torn connection is our trade, and no news
        self._begun.set()
        await self._stop.wait()
        for link in self.links.values():
            link.close()


@contextmanager
def running_network() -> Iterator[Network]:
    network = Network()
    network.start()
    try:
        yield network
    finally:
        network.stop()


def _result(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(work, loop).result(10)
