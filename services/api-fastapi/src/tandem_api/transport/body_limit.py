"""Bounds the size of requests."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from tandem_api.transport import Application, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware that lets no endpoint read more than `limit_bytes`.

    Starlette's own answers a declared length that is too large by itself, in plain text.
    """

    def __init__(self, app: Application, *, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0
        read = 0

        async def bounded_receive() -> Message:
            nonlocal read
            if size <= self._limit_bytes:
                message = await receive()
                read += len(message.get("body", b""))
                if read <= self._limit_bytes:
                    return message
            # Of the exceptions that reading a body may raise, FastAPI lets only this one through.
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"At most {self._limit_bytes} bytes are accepted.",
            )

        await self._app(scope, bounded_receive, send)
