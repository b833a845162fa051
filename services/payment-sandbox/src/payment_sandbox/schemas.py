"""What the API takes and gives."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[int, Field(gt=0, le=10_000_000_000, strict=True, description="Minor units, e.g. cents.")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217.", examples=["EUR"])]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaymentRequest(_Request):
    amount: Amount
    currency: Currency
    payment_token: str = Field(min_length=1, max_length=200, description="What the card form gave for the card.")
    reference: str = Field(min_length=1, max_length=200, description="The merchant's own, e.g. an order number.")
    capture: bool = Field(default=True, description="False only reserves the amount, to be captured later.")


class RefundRequest(_Request):
    amount: Amount


class PaymentStatus(StrEnum):
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class DeclineCode(StrEnum):
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_DECLINED = "card_declined"
    EXPIRED_CARD = "expired_card"


class EntryType(StrEnum):
    AUTHORISATION = "authorisation"
    CAPTURE = "capture"
    REFUND = "refund"
    DECLINE = "decline"


class Payment(BaseModel):
    id: str
    status: PaymentStatus
    amount: int
    captured_amount: int
    refunded_amount: int
    currency: str
    reference: str
    decline_code: DeclineCode | None
    created_at: str = Field(description="UTC, ISO 8601.")


class PaymentList(BaseModel):
    items: list[Payment]


class LedgerEntry(BaseModel):
    id: int = Field(description="Rises with every entry.")
    payment_id: str
    type: EntryType
    amount: int
    currency: str
    balance: int = Field(description="What the merchant holds in this currency after the entry.")
    reference: str
    created_at: str


class LedgerPage(BaseModel):
    items: list[LedgerEntry]
    next_after: int | None = Field(description="The `after` of the next page; null when this is the last one.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[str] | None = None
