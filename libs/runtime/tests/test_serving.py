import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest

Start = Callable[..., subprocess.Popen[str]]

SERVING = """
    import asyncio, sys
    from tandem_runtime.health import Health
    from tandem_runtime.logs import configure_logging
    from tandem_runtime.operations import OperationsServer
    from tandem_runtime.serving import serve
    from tandem_runtime.settings import RuntimeSettings

    stopping = asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        if scope["path"] == "/stream":
            await stopping.wait()
        if scope["path"] == "/slow":
            await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": b"last"})

    configure_logging("demo", RuntimeSettings())
    health = Health()
    operations = OperationsServer(health, "127.0.0.1", 0)
    operations.start()
    serve(app, host="127.0.0.1", port=PORT, health=health, stopping=stopping, leave_seconds=LEAVE)
    operations.stop()
    print('{"event": "closed properly"}')
"""


def said(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    assert process.stdout is not None
    for text in process.stdout:
        line: dict[str, object] = json.loads(text)
        if event in str(line["event"]):
            return line
    raise AssertionError(f"never said {event!r}")


def serving(start: Start, *, leave: float = 0) -> tuple[subprocess.Popen[str], str, str]:
    process = start(SERVING.replace("PORT", "0").replace("LEAVE", str(leave)))
    operations = f"http://127.0.0.1:{said(process, 'operations port open')['port']}"
    address = str(said(process, "Uvicorn running on")["event"]).split()[3]
    while status_of(f"{operations}/readyz") != 200:  # it says so a moment before it is ready
        time.sleep(0.01)
    return process, address, operations


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_at_sigterm_an_answer_in_progress_is_finished_and_the_process_ends_by_itself(start: Start, path: str) -> None:
    process, address, _ = serving(start)
    with urllib.request.urlopen(address + path, timeout=60) as answer:
        assert answer.read(6) == b"first "
        process.send_signal(signal.SIGTERM)
        assert answer.read() == b"last"
    said(process, "closed properly")
    assert process.wait(timeout=60) == 0


def test_a_stopping_process_is_alive_but_not_ready(start: Start) -> None:
    process, address, operations = serving(start)
    with urllib.request.urlopen(f"{address}/slow", timeout=60) as answer:
        answer.read(6)
        process.send_signal(signal.SIGTERM)
        said(process, "stopping")
        assert status_of(f"{operations}/readyz") == 503
        assert status_of(f"{operations}/livez") == 200


def test_who_leaves_still_answers_and_sends_clients_to_other_connections(start: Start) -> None:
    process, address, _ = serving(start, leave=600)
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=60)) as kept:
        assert _asked(kept) is None
        process.send_signal(signal.SIGTERM)
        said(process, "stopping")

        assert _asked(kept) == "close"

    with closing(HTTPConnection(address.removeprefix("http://"), timeout=60)) as new:
        assert _asked(new) == "close"
    process.send_signal(signal.SIGTERM)  # the second one does not wait
    assert process.wait(timeout=60) == 128 + signal.SIGTERM


def _asked(connection: HTTPConnection) -> str | None:
    """What the answer says of the connection."""
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read() == b"first last"
    return answer.getheader("connection")


def test_a_port_that_is_taken_is_said_and_ends_the_process(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(SERVING.replace("PORT", str(port)).replace("LEAVE", "0"))
        said(process, "Address already in use")
        assert said(process, "port cannot be opened")["port"] == port
        assert process.wait(timeout=60) == 3


def test_new_clients_do_not_wait_for_a_turn_of_the_loop_each(start: Start) -> None:
    """The loop is held up in each turn, as by clients that keep it busy; what counts is the turns, not their length."""
    process = start(
        """
        import asyncio, socket
        import uvicorn
        from tandem_runtime.serving import _listening

        CLIENTS = 64
        made = 0

        class Connection(asyncio.Protocol):
            def connection_made(self, transport):
                global made
                made += 1

        async def main():
            loop = asyncio.get_running_loop()
            listening = _listening(uvicorn.Config("", host="127.0.0.1", port=0))
            servers = [await loop.create_server(Connection, sock=one) for one in listening]
            address = listening[0].getsockname()
            clients = [socket.create_connection(address) for _ in range(CLIENTS)]
            turns = 0
            while made < CLIENTS:
                turns += 1
                await asyncio.sleep(0)
            print('{"event": "all are in", "turns": %d}' % turns)

        import uvloop
        uvloop.run(main())
        """
    )
    turns = said(process, "all are in")["turns"]
    assert isinstance(turns, int)
    assert turns < 64 / 4
