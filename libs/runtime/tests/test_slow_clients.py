"""Clients that hold a connection without making a request of it, against a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from tandem_runtime.http_telemetry import Receive, Scope, Send
from tandem_runtime.slow_clients import HEAD_BYTES, bounded_http

PATIENCE = 0.5


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body's size; at /early before it reads any of it."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    answer = str(size).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def server(**options: int) -> AsyncIterator[int]:
    config = uvicorn.Config(
        echo, port=0, log_config=None, lifespan="off", http=bounded_http(PATIENCE), timeout_keep_alive=60, **options
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, text: str) -> None:
        self.writer.write(text.encode())
        with suppress(ConnectionError):
            await self.writer.drain()

    async def trickle(self, text: str, seconds: float = 0.1) -> None:
        """Say it a character at a time; the server ends that."""
        for character in text:
            await self.say(character)
            await asyncio.sleep(seconds)

    async def rest(self) -> str:
        """What the server says until it closes the connection."""
        async with asyncio.timeout(PATIENCE + 5):
            with suppress(ConnectionResetError):
                return (await self.reader.read()).decode()
        return ""

    async def answer(self) -> str:
        """Status line and body of an answer; the connection stays."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(1)
        return head.split(b"\r\n", 1)[0].decode()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_who_says_nothing_is_left() -> None:
    async with server() as port, connected(port) as client:
        assert await client.rest() == ""


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.1\r\nHost: x\r\n" + "X-Slow: " + "a" * 100,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + "b" * 99,
    ],
    ids=["head", "body"],
)
async def test_a_request_that_trickles_in_is_cut_off_with_a_word(request_text: str) -> None:
    quick, _, slow = request_text.rpartition("\r\n")
    async with server() as port, connected(port) as client:
        await client.say(f"{quick}\r\n")
        trickling = asyncio.create_task(client.trickle(slow))
        assert (await client.rest()).startswith("HTTP/1.1 408 Request Timeout\r\n")
        trickling.cancel()


async def test_a_second_request_is_bounded_like_the_first() -> None:
    async with server() as port, connected(port) as client:
        await client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await client.answer() == "HTTP/1.1 200 OK"
        await asyncio.sleep(2 * PATIENCE)  # idle as long as it likes
        await client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await client.answer() == "HTTP/1.1 200 OK"
        await client.say("GET / HTTP/1.1\r\nHos")
        assert (await client.rest()).startswith("HTTP/1.1 408")


async def test_a_body_that_nobody_waits_for_ends_the_connection_without_a_second_answer() -> None:
    async with server() as port, connected(port) as client:
        await client.say("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nb")
        assert await client.answer() == "HTTP/1.1 200 OK"
        trickling = asyncio.create_task(client.trickle("b" * 100))
        assert await client.rest() == ""
        trickling.cancel()


async def test_a_head_that_grows_and_grows_is_refused() -> None:
    async with server() as port:
        async with connected(port) as client:
            await client.say("GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + "a" * (HEAD_BYTES // 2) + "\r\n\r\n")
            assert await client.answer() == "HTTP/1.1 200 OK"
        async with connected(port) as client:
            await client.say("GET / HTTP/1.1\r\n" + "X-More: aaaaaaaa\r\n" * (HEAD_BYTES // 10))
            assert (await client.rest()).startswith("HTTP/1.1 431 Request Header Fields Too Large\r\n")
        async with connected(port) as client:
            await client.say("what?\r\n\r\n")
            assert (await client.rest()).startswith("HTTP/1.1 400 Bad Request\r\n")


async def test_slow_clients_do_not_keep_others_out_for_long() -> None:
    async with server(limit_concurrency=20) as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        async with connected(port) as client:
            await client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.rest()).startswith("HTTP/1.1 503")
        await asyncio.sleep(2 * PATIENCE)
        async with connected(port) as client:
            await client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await client.answer() == "HTTP/1.1 200 OK"
        for _, writer in slow:
            writer.close()
