"""Bounds the time until an answer begins."""

import asyncio

import structlog

from tandem_api.problems.errors import problem_response, unavailable
from tandem_api.transport import Application, Message, Receive, Scope, Send

log = structlog.get_logger()


class Deadline:
    """ASGI middleware that answers 503 when an answer has not begun after `seconds`.

    The work is cancelled but not waited for: a database connection takes up to ten seconds to cancel its query when
    the server has stopped answering (psycopg's `wait`). An answer that has begun, such as an event stream, goes on.
    """

    def __init__(self, app: Application, *, seconds: float, api_url: str) -> None:
        self._app = app
        self._seconds = seconds
        self._api_url = api_url
        self._abandoned: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[None] = loop.create_future()
        begun = late = False

        def decide(*_: object) -> None:
            if not decided.done():
                decided.set_result(None)

        async def watched_send(message: Message) -> None:
            nonlocal begun
            if late:
                return
            begun = True
            decide()
            await send(message)

        work = loop.create_task(self._work(scope, receive, watched_send))
        work.add_done_callback(decide)
        timer = loop.call_later(self._seconds, decide)
        try:
            await decided
            if work.done() or begun:
                await work
                return
            late = True
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            timer.cancel()
        self._abandon(work)
        log.warning("request took too long", limit_seconds=self._seconds)
        problem = unavailable("The answer took too long.")
        answer = problem_response(problem, api_url=self._api_url, request_id=scope["state"]["request_id"])
        await answer(scope, receive, send)

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _abandon(self, work: asyncio.Task[None]) -> None:
        self._abandoned.add(work)
        work.add_done_callback(self._forget)
        work.cancel()

    def _forget(self, work: asyncio.Task[None]) -> None:
        self._abandoned.discard(work)
        if not work.cancelled() and (error := work.exception()):
            log.info("abandoned request ended", error=str(error).partition("\n")[0])
