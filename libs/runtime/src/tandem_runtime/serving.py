"""Serves an ASGI application with uvicorn in code, in one process. Needs the extra `http`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

import structlog
import uvicorn

from tandem_runtime.eventloop import settle_collector
from tandem_runtime.health import Health
from tandem_runtime.progress import beating
from tandem_runtime.shutdown import stop_on_signals
from tandem_runtime.slow_clients import bounded_http

# uvloop accepts one connection in a turn of the loop for each socket that listens, where asyncio's own loop empties
# the queue: behind a hundred clients that keep a process busy, another hundred would wait for seconds.
ACCEPTED_IN_A_TURN = 16

log = structlog.get_logger()


def serve(
    app: Any,
    *,
    host: str,
    port: int,
    health: Health,
    stopping: asyncio.Event | None = None,
    leave_seconds: float = 0,
    drain_seconds: int = 10,
    access_log: bool = True,
    arrival_seconds: float = 10,
    keep_alive_seconds: int = 5,
    connection_limit: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in progress for at most `drain_seconds`, and return.

    Before that it goes on for `leave_seconds`, and with each answer asks the client to come back on another
    connection: one that is closed just as the next request is sent into it loses that.
    `health` beats with the event loop and is ready exactly while the port accepts requests. `stopping` is set by
    the signal: answers that last, such as event streams, watch it and end.
    A request has to arrive in `arrival_seconds`; an idle connection is closed after `keep_alive_seconds`; with more
    than `connection_limit` connections requests are answered 503 without asking `app`.
    A port that is taken, or a lifespan that fails, ends the process with status 3.
    """
    stopping = stopping or asyncio.Event()
    config = uvicorn.Config(
        _parting(app, stopping),
        host=host,
        port=port,
        log_config=None,  # the process's own logging is already set
        access_log=access_log,
        server_header=False,
        proxy_headers=False,  # it would believe whatever comes from this machine
        http=bounded_http(arrival_seconds),
        timeout_keep_alive=keep_alive_seconds,
        limit_concurrency=connection_limit,
        timeout_graceful_shutdown=drain_seconds,
    )
    server = _Server(config, health)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server, health, stopping, leave_seconds))


async def _serve(server: "_Server", health: Health, stopping: asyncio.Event, leave_seconds: float) -> None:
    stop_on_signals(stopping, health)

    async def exit_on_stop() -> None:
        await stopping.wait()
        await asyncio.sleep(leave_seconds)
        server.should_exit = True

    async with beating(health):
        watching = asyncio.create_task(exit_on_stop(), name="exit-on-stop")
        try:
            await server.serve(sockets=_listening(server.config))
        finally:
            health.set_ready(False)
            watching.cancel()


def _listening(config: uvicorn.Config) -> list[socket]:
    """The port, as several handles of one queue of new connections."""
    try:
        first = config.bind_socket()
    except SystemExit:  # after a line that does not say which port
        log.error("port cannot be opened", host=config.host, port=config.port)  # noqa: TRY400 - SystemExit tells nothing
        raise
    return [first, *(first.dup() for _ in range(ACCEPTED_IN_A_TURN - 1))]


def _parting(app: Any, stopping: asyncio.Event) -> Any:
    """The application, which closes the connection of whoever asks once it is `stopping`."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if not stopping.is_set():
            await app(scope, receive, send)
            return

        async def part(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await app(scope, receive, part)

    return answer


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn would raise the signal again after its shutdown: the process would die of it before it has
        # closed its operations port and sent its last spans.
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        settle_collector()
        self._health.set_ready(self.started and not self.should_exit)
