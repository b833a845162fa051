"""The product as people type it."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from tandem_admin.catalog.models import Product
from tandem_admin.money import from_minor, to_minor

PRICE_DIGITS = 12


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    price = forms.DecimalField(
        max_digits=PRICE_DIGITS,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"inputmode": "decimal", "step": "any", "placeholder": "19.99"}),
    )

    class Meta:
        model = Product
        fields = ("sku", "name", "description", "category", "price_currency", "status")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.price_amount is not None:
            self.initial["price"] = from_minor(self.instance.price_amount, self.instance.price_currency)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price: Decimal | None = cleaned.get("price")
        currency = cleaned.get("price_currency") or self.instance.price_currency
        if price is not None:
            try:
                self.instance.price_amount = to_minor(price, currency)
            except ValueError as error:
                self.add_error("price", str(error))
            if price <= 0:
                self.add_error("price", "The price must be above zero.")
        return cleaned
