"""The payment provider's HTTP interface.

Whatever is not a clear answer is *unknown*, never *failed*: the money may have moved. The idempotency key makes it safe
to ask again.
"""

from dataclasses import dataclass
from uuid import UUID

import httpx
from tandem_contracts.payloads import Money

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
        match answer["status"]:
            case "captured" | "partially_refunded" | "refunded":
                outcome: Captured | Declined = Captured(answer["id"])
            case "declined":
                outcome = Declined(answer["id"], answer["decline_code"] or "declined")
            case status:
                raise ProviderContractError(f"unexpected payment status {status!r}")
        metrics.OUTCOMES.labels(operation="capture", outcome=type(outcome).__name__.lower()).inc()
        return outcome

    async def refund(self, attempt_id: UUID, *, provider_id: str, amount: Money) -> Refunded | Unknown:
        """Give `amount` back; asking again for the same attempt gives it back once."""
        answer = await self._post(
            "refund",
            f"/v1/payments/{provider_id}/refunds",
            key=f"refund-{attempt_id}",
            content={"amount": amount.amount},
        )
        if isinstance(answer, Unknown):
            return answer
        metrics.OUTCOMES.labels(operation="refund", outcome="refunded").inc()
        return Refunded()

    async def _post(
        self, operation: str, path: str, *, key: str, content: dict[str, str | int]
    ) -> dict[str, str] | Unknown:
        with metrics.LATENCY.labels(operation=operation).time():
            try:
                response = await self._client.post(path, json=content, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                return _unknown(operation, repr(error))
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.status_code in (
            httpx.codes.CONFLICT,  # the first request with this key is still at work
            httpx.codes.TOO_MANY_REQUESTS,
            httpx.codes.UNAUTHORIZED,  # ours to repair, not the order's fault
            httpx.codes.FORBIDDEN,
        ):
            return _unknown(operation, f"status {response.status_code}")
        if response.is_error:
            raise ProviderContractError(f"status {response.status_code}: {response.text[:500]}")
        answer: dict[str, str] = response.json()
        return answer


def _unknown(operation: str, reason: str) -> Unknown:
    metrics.OUTCOMES.labels(operation=operation, outcome="unknown").inc()
    return Unknown(reason)
