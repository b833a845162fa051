"""Uvicorn's protocol with bounds that it lacks: how long a request may take to arrive, and how large its head may be.

Without them whoever opens connections and sends a byte now and then holds all that the process can have.
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 32 * 1024

_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _HeadTooLargeError(Exception):
    """Ends the parser's work."""


class BoundedHttp(HttpToolsProtocol):
    """A request that has not arrived after `arrival_seconds`, body and all, ends its connection."""

    arrival_seconds = 10.0

    _arriving: TimerHandle | None = None
    _in_head = False
    _head_bytes = 0
    _heads = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._expect()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        self._heads += 1

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > HEAD_BYTES:
            self._end(_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _expect(self) -> None:
        if self._arriving is None:
            self._arriving = self.loop.call_later(self.arrival_seconds, self._too_late)

    def _arrived(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _grow(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise _HeadTooLargeError

    def _too_late(self) -> None:
        self._arriving = None
        self._end(_TIMEOUT if self._owes_an_answer() else b"")

    def _owes_an_answer(self) -> bool:
        """Whether a request has begun and nothing of its answer was sent, nor anything of an earlier one is due."""
        if self._in_head:
            return self._heads == 0 or self.cycle.response_complete
        return self._heads > 0 and not self.cycle.response_started

    def _end(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def bounded_http(arrival_seconds: float) -> type[BoundedHttp]:
    """The protocol with another patience: uvicorn makes its protocols itself, and passes on nothing of ours."""
    return type("BoundedHttp", (BoundedHttp,), {"arrival_seconds": arrival_seconds})
