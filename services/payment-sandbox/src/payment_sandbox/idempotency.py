"""One call, one effect: a repeated key is given the first answer, and money moves once."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from payment_sandbox import repository
from payment_sandbox.database import Database
from payment_sandbox.faults import HANG_SECONDS, OUTAGES, SLOW_SECONDS, Fault, fault_for
from payment_sandbox.metrics import FAULTS, PAYMENTS, REPLAYS
from payment_sandbox.problems import ProblemError
from payment_sandbox.repository import Answer
from payment_sandbox.schemas import Payment

log = structlog.get_logger()


@dataclass(frozen=True)
class Call:
    """A call that moves money: `act` does so in a transaction, `amount` (minor units) chooses the fault."""

    key: str
    operation: str
    request: BaseModel | None
    amount: int
    status: HTTPStatus
    act: Callable[[sqlite3.Connection], Payment]

    @property
    def fingerprint(self) -> str:
        body = self.request.model_dump_json() if self.request else ""
        return hashlib.sha256(f"{self.operation}\n{body}".encode()).hexdigest()


@dataclass
class Calls:
    """Carries out calls. Which keys are in progress is kept in memory: it must not outlive the process."""

    database: Database
    stopping: asyncio.Event
    latency_seconds: float = 0
    _in_progress: dict[str, str] = field(default_factory=dict)

    async def answer(self, call: Call) -> Response:
        """Answer the call, as before when its key is known; ProblemError when it cannot be or a fault is due."""
        with self._claim(call):
            kept = await run_in_threadpool(self._kept, call)
            if kept is not None:
                REPLAYS.inc()
                return _response(kept, replayed=True)
            await asyncio.sleep(self.latency_seconds)
            fault = fault_for(call.amount)
            await self._before(call, fault)
            answer, payment = await run_in_threadpool(self._carry_out, call)
        PAYMENTS.labels(payment.status).inc()
        log.info(
            "money moved" if payment.decline_code is None else "money declined",
            operation=call.operation,
            payment_id=payment.id,
            state=payment.status,
            amount=call.amount,
            currency=payment.currency,
            reference=payment.reference,
            decline_code=payment.decline_code,
        )
        # The key is free again: whoever lost this answer is given it when asking once more.
        await self._after(call, fault)
        return _response(answer, replayed=False)

    @contextmanager
    def _claim(self, call: Call) -> Iterator[None]:
        if call.key in self._in_progress:
            if self._in_progress[call.key] != call.fingerprint:
                raise _key_reused()
            raise ProblemError(
                HTTPStatus.CONFLICT, "in-progress", "The first call with this key is in progress.", {"Retry-After": "1"}
            )
        self._in_progress[call.key] = call.fingerprint
        try:
            yield
        finally:
            del self._in_progress[call.key]

    def _kept(self, call: Call) -> Answer | None:
        with self.database.transaction() as connection:
            kept = repository.find_answer(connection, call.key)
        if kept is not None and kept.fingerprint != call.fingerprint:
            raise _key_reused()
        return kept

    def _carry_out(self, call: Call) -> tuple[Answer, Payment]:
        with self.database.transaction() as connection:
            payment = call.act(connection)
            answer = Answer(call.fingerprint, call.status, payment.model_dump_json())
            repository.keep_answer(connection, call.key, answer)
        return answer, payment

    async def _before(self, call: Call, fault: Fault | None) -> None:
        match fault:
            case Fault.SLOW:
                _played(fault, call)
                await asyncio.sleep(SLOW_SECONDS)
            case Fault.FAILS_BEFORE:
                _played(fault, call)
                raise _failed()
            case Fault.UNAVAILABLE:
                if await run_in_threadpool(self._count_outage, call.key) <= OUTAGES:
                    _played(fault, call)
                    raise ProblemError(
                        HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Try again later.", {"Retry-After": "1"}
                    )

    async def _after(self, call: Call, fault: Fault | None) -> None:
        match fault:
            case Fault.NO_ANSWER:
                _played(fault, call)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), HANG_SECONDS)
            case Fault.FAILS_AFTER:
                _played(fault, call)
                raise _failed()

    def _count_outage(self, key: str) -> int:
        with self.database.transaction() as connection:
            return repository.count_outage(connection, key)


def _played(fault: Fault, call: Call) -> None:
    name = fault.name.lower()
    FAULTS.labels(name).inc()
    log.warning("fault played", fault=name, operation=call.operation, amount=call.amount)


def _failed() -> ProblemError:
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "The payment provider failed.")


def _key_reused() -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", "This key was used for a different request."
    )


def _response(answer: Answer, *, replayed: bool) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return Response(answer.body, answer.status, headers=headers, media_type="application/json")
