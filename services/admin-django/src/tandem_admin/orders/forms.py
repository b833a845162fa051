"""What staff are asked when they act on an order."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from tandem_admin.money import format_money, from_minor, to_minor
from tandem_admin.orders.models import Order

AMOUNT_DIGITS = 12


class ShipmentForm(forms.Form):
    carrier = forms.CharField(label="Carrier", max_length=100, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(
        label="Tracking number", max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=500, widget=UnfoldAdminTextInputWidget, help_text="The customer can read it."
    )


class RefundForm(ReasonForm):
    """How much of what is left goes back: all of it, unless somebody types less."""

    amount = forms.DecimalField(
        max_digits=AMOUNT_DIGITS,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"inputmode": "decimal", "step": "any"}),
    )
    field_order = ("amount", "reason")

    def __init__(self, data: Any, *, order: Order) -> None:
        super().__init__(data)
        self._order = order
        self._left = format_money(order.left_amount, order.total_currency)
        amount = self.fields["amount"]
        amount.label = f"Amount in {order.total_currency}"
        amount.initial = from_minor(order.left_amount, order.total_currency)
        amount.help_text = f"{self._left} of {format_money(order.total_amount, order.total_currency)} is left."

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        try:
            minor = to_minor(amount, self._order.total_currency)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if minor <= 0:
            raise forms.ValidationError("The amount must be above zero.")
        if minor > self._order.left_amount:
            raise forms.ValidationError(f"Only {self._left} is left.")
        return amount
