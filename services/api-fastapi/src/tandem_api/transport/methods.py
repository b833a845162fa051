"""What every address answers to, whatever its routes say: HEAD, OPTIONS, and 405 with what is allowed instead."""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from tandem_runtime.http_telemetry import RouteTemplate

from tandem_api.transport import Application, Message, Receive, Scope, Send

READING = frozenset({"GET", "HEAD"})


class Methods:
    """ASGI middleware: HEAD is GET without its body; OPTIONS and 405 name the methods of all routes of the address.

    `allowed` tells them by route template. The framework itself names those of the first route that it finds.
    """

    def __init__(
        self, app: Application, *, route_template: RouteTemplate, allowed: Callable[[str | None], Iterable[str]]
    ) -> None:
        self._app = app
        self._route_template = route_template
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            inner = {**scope, "method": "GET"}
            try:
                await self._app(inner, receive, self._naming_methods(inner, _without_body(send)))
            finally:
                if "route" in inner:
                    scope["route"] = inner["route"]
        elif scope["method"] == "OPTIONS":
            await self._options(scope, receive, send)
        else:
            await self._app(scope, receive, self._naming_methods(scope, send))

    async def _options(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def answering_send(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                refused = True  # the address is there
                await Response(status_code=204, headers={"Allow": self._names(scope)})(scope, receive, send)
            elif not refused:
                await send(message)

        await self._app(scope, receive, answering_send)

    def _naming_methods(self, scope: Scope, send: Send) -> Send:
        async def naming_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                MutableHeaders(scope=message)["Allow"] = self._names(scope)
            await send(message)

        return naming_send

    def _names(self, scope: Scope) -> str:
        return ", ".join(sorted(self._allowed(self._route_template(scope))))


def _without_body(send: Send) -> Send:
    async def bodiless_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            # Complete at once: the server then tells an event stream that its client has left.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return bodiless_send


def allowed_methods(
    routes: Callable[[], Iterable[tuple[str | None, Iterable[str]]]],
) -> Callable[[str | None], frozenset[str]]:
    """The `allowed` of an application; `routes` yields templates and methods, and is asked once."""
    known: dict[str | None, frozenset[str]] = {}

    def allowed(template: str | None) -> frozenset[str]:
        if not known:
            for path, methods in routes():
                known[path] = known.get(path, frozenset({"OPTIONS"})) | frozenset(methods)
        found = known.get(template, READING | {"OPTIONS"})  # static files are no route
        return found | READING if "GET" in found else found

    return allowed
