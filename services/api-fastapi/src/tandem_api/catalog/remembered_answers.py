"""The catalogue's answers once more, without finding out again that they are wanted."""

from starlette.requests import Request
from starlette.responses import Response

from tandem_api.catalog.memory import Answer
from tandem_api.catalog.snapshot import Snapshot
from tandem_api.feed.answers import cached
from tandem_api.metrics import REMEMBERED_ANSWERS
from tandem_api.problems.errors import ProblemError, problem_response
from tandem_api.rate_limits.admission import limit_rate
from tandem_api.transport import Application, Receive, Scope, Send


class RememberedAnswers:
    """ASGI middleware that gives an answer of the present snapshot again, past routing, validation and dependencies.

    These are most of the work for a product (`make bench-api ONLY=reads`). What is outside of it happens as ever: the
    client's quota, the log line, the span, the metrics.
    """

    def __init__(self, app: Application, *, api_url: str) -> None:
        self._app = app
        self._api_url = api_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            snapshot: Snapshot | None = scope["app"].state.catalogue.snapshot
            if snapshot is not None and (known := snapshot.memory.get(scope)) is not None:
                answer = await self._again(scope, known)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _again(self, scope: Scope, known: Answer) -> Response:
        scope["route"] = known.route
        request = Request(scope)
        try:
            await limit_rate(request)
        except ProblemError as error:
            return problem_response(error, api_url=self._api_url, request_id=scope["state"]["request_id"])
        REMEMBERED_ANSWERS.inc()
        return cached(request, known.etag, request.headers.get("if-none-match"), lambda: known.body)
