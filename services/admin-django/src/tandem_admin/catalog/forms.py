"""The product as people type it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django import forms
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from tandem_admin.catalog.models import Product
from tandem_admin.catalog.pictures import picture_of
from tandem_admin.money import from_minor, to_minor

PRICE_DIGITS = 12

log = structlog.get_logger()


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    price = forms.DecimalField(
        max_digits=PRICE_DIGITS,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"inputmode": "decimal", "step": "any", "placeholder": "19.99"}),
    )

    class Meta:
        model = Product
        fields = ("sku", "name", "description", "category", "picture", "price_currency", "status", "publish_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.price_amount is not None:
            self.initial["price"] = from_minor(self.instance.price_amount, self.instance.price_currency)

    def clean_picture(self) -> Any:
        upload = self.cleaned_data.get("picture")
        if not isinstance(upload, UploadedFile):  # what is there already, or the wish to have none
            return upload
        try:
            return picture_of(upload)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

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
        if cleaned.get("status") == Product.Status.SCHEDULED:
            at: datetime | None = cleaned.get("publish_at")
            if at is None and "publish_at" not in self.errors:
                self.add_error("publish_at", "Say when the product is to be published.")
            elif at is not None and at <= timezone.now() and "publish_at" in self.changed_data:
                self.add_error("publish_at", "This time has passed. To publish now, choose that status.")
        elif "status" in self.fields:
            cleaned["publish_at"] = None
        if not self.errors and isinstance(cleaned.get("picture"), ContentFile):
            cleaned["picture"] = self._keep(cleaned["picture"])
        return cleaned

    def _keep(self, picture: "ContentFile[bytes]") -> str:
        """Store the picture and return its name: while there is a form that can say that it did not work."""
        field = Product._meta.get_field("picture")  # noqa: SLF001 - Django's API
        try:
            return field.storage.save(field.generate_filename(self.instance, picture.name or ""), picture)
        except OSError:
            log.exception("picture_not_kept", sku=self.instance.sku)
            self.add_error("picture", "The picture cannot be kept at the moment. Try again, or save without it.")
            return ""
