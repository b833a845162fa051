"""Refuses at once what could only wait."""

from tandem_api.metrics import REQUESTS_IN_PROGRESS, REQUESTS_SHED
from tandem_api.problems.errors import problem_response, unavailable
from tandem_api.transport import Application, Message, Receive, Scope, Send


class Admission:
    """ASGI middleware that answers 503 while `limit` requests are in progress.

    Beyond what the process can do, each request more makes all of them slower, until no answer comes in time for
    anybody. An event stream counts until it begins: afterwards it waits without working.
    """

    def __init__(self, app: Application, *, limit: int, api_url: str) -> None:
        self._app = app
        self._limit = limit
        self._api_url = api_url
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._in_progress >= self._limit:
            REQUESTS_SHED.labels("process").inc()
            problem = unavailable("The service is overloaded.")
            answer = problem_response(problem, api_url=self._api_url, request_id=scope["state"]["request_id"])
            await answer(scope, receive, send)
            return
        counted = True
        self._count(1)

        async def watched_send(message: Message) -> None:
            nonlocal counted
            if counted and message["type"] == "http.response.start" and _is_event_stream(message):
                counted = False
                self._count(-1)
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            if counted:
                self._count(-1)

    def _count(self, difference: int) -> None:
        self._in_progress += difference
        REQUESTS_IN_PROGRESS.set(self._in_progress)


def _is_event_stream(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])
