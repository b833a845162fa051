"""The payment provider's HTTP interface.

Whatever is not a clear answer is *unknown*, never *failed*: the money may have moved. The idempotency key makes it safe
to ask again.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
from tandem_contracts.payloads import Money
from tandem_runtime.metrics import exemplar

from tandem_worker.payments import metrics


@dataclass(frozen=True, slots=True)
class Captured:
    provider_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    provider_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Refunded:
    pass


@dataclass(frozen=True, slots=True)
class Unknown:
    """No clear answer. Ask again with the same key."""

    reason: str


class ProviderContractError(Exception):
    """The provider refuses the request as such; repeating it will not help."""


class PaymentProvider:
    """The provider behind `client`, whose base URL, credentials and time-out the caller sets."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def capture(
        self, attempt_id: UUID, *, order_id: UUID, amount: Money, payment_token: str
    ) -> Captured | Declined | Unknown:
        """Collect `amount`; asking again with the same attempt collects it once."""
        answer = await self._post(
            "capture",
            "/v1/payments",
            key=str(attempt_id),
            content={
                "amount": amount.amount,
                "currency": amount.currency,
                "payment_token": payment_token,
                "reference": str(order_id),
            },
        )
        if isinstance(answer, Unknown):
            return answer
        outcome: Captured | Declined | Unknown
        match answer:
            case {"id": str(provider_id), "status": "captured" | "partially_refunded" | "refunded"}:
                outcome = Captured(provider_id)
            case {"id": str(provider_id), "status": "declined", "decline_code": code}:
                outcome = Declined(provider_id, str(code or "declined"))
            case _:
                return _unknown("capture", f"an answer we do not understand: {str(answer)[:200]}")
        metrics.OUTCOMES.labels(operation="capture", outcome=type(outcome).__name__.lower()).inc()
        return outcome

    async def refund(self, refund_id: UUID, *, provider_id: str, amount: Money) -> Refunded | Unknown:
        """Give `amount` of the payment back; asking again for the same refund gives it back once."""
        answer = await self._post(
            "refund",
            f"/v1/payments/{provider_id}/refunds",
            key=f"refund-{refund_id}",
            content={"amount": amount.amount},
        )
        if isinstance(answer, Unknown):
            return answer
        metrics.OUTCOMES.labels(operation="refund", outcome="refunded").inc()
        return Refunded()

    async def _post(self, operation: str, path: str, *, key: str, content: dict[str, str | int]) -> Any | Unknown:
        began = perf_counter()
        try:
            response = await self._client.post(path, json=content, headers={"Idempotency-Key": key})
        except httpx.RequestError as error:
            return _unknown(operation, repr(error))
        finally:
            metrics.LATENCY.labels(operation=operation).observe(perf_counter() - began, exemplar())
        if _is_refusal(response):
            raise ProviderContractError(f"status {response.status_code}: {response.text[:500]}")
        if not response.is_success:
            return _unknown(operation, f"status {response.status_code}")
        try:
            return response.json()
        except ValueError as error:
            return _unknown(operation, repr(error))


def _is_refusal(response: httpx.Response) -> bool:
    """Whether the provider says for certain that it did nothing, and will not do it when asked again.

    A conflict with Retry-After is none: the first request with this key is still at work.
    """
    return response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY) or (
        response.status_code == httpx.codes.CONFLICT and "Retry-After" not in response.headers
    )


def _unknown(operation: str, reason: str) -> Unknown:
    metrics.OUTCOMES.labels(operation=operation, outcome="unknown").inc()
    return Unknown(reason)
