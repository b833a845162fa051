"""Import and export on the products' page: first a preview, then the rows without a mistake, all of them or none."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.results import Result, RowResult
from import_export.tmp_storages import CacheStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from tandem_admin.audit.models import AuditEntry
from tandem_admin.audit.services import record_many
from tandem_admin.catalog.exchange import ProductResource, changes_of_row

MAXIMUM_BYTES = 10_000_000
# Of each kind, on the preview: enough to see whether the columns are the right ones.
SHOWN = 50
ACTIONS = {RowResult.IMPORT_TYPE_NEW: AuditEntry.Action.ADDED, RowResult.IMPORT_TYPE_UPDATE: AuditEntry.Action.CHANGED}


class ProductImportForm(ImportForm):  # type: ignore[misc]  # unfold has no types
    def clean_import_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["import_file"]
        if file.size is None or file.size > MAXIMUM_BYTES:
            raise forms.ValidationError(f"A file has at most {MAXIMUM_BYTES // 1_000_000} MB. Divide it.")
        return file


class ProductExchange(ImportExportMixin):  # type: ignore[misc]  # import_export has no types
    """The file waits in the cache for the confirmation, which may come to another pod."""

    resource_classes = (ProductResource,)
    import_form_class = ProductImportForm
    export_form_class = ExportForm
    import_formats = export_formats = (CSV, XLSX)
    tmp_storage_class = CacheStorage
    import_export_change_list_template = "admin/catalog/product/change_list.html"
    import_template_name = "admin/catalog/product/import.html"

    def has_import_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("catalog.add_product", "catalog.change_product"))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.view_product")

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The page with the form, or with the preview: what a row would change, and which rows have mistakes."""
        response: Any = super().import_action(request, **kwargs)
        context = response.context_data
        result: Result | None = context.get("result")
        if result is not None and not result.has_errors():
            rows = [row for row in result if row.import_type in ACTIONS]
            context["counts"] = _counts(result)
            context["mistakes"] = result.invalid_rows[:SHOWN]
            context["rows"] = [(row, changes_of_row(row).items()) for row in rows[:SHOWN]]
            context["confirm_form"] = self.create_confirm_form(request, import_form=context["form"]) if rows else None
        answer: HttpResponse = response
        return answer

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import what was confirmed: products, their events and the audit trail in one transaction."""
        if request.method != "POST":
            return HttpResponse(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
        confirmed = self.create_confirm_form(request)
        if confirmed.is_valid() and CacheStorage(name=confirmed.cleaned_data["import_file_name"]).read() is None:
            return self._try_again(request, "This file was imported already, or it is a day old.")
        try:
            with transaction.atomic():
                answer: HttpResponse = super().process_import(request, **kwargs)
                return answer
        except IntegrityError:
            return self._try_again(request, "Somebody wrote one of these products meanwhile. Nothing was imported.")

    def generate_log_entries(self, result: Result, request: HttpRequest) -> None:
        done = [
            (row.instance, ACTIONS[row.import_type], changes_of_row(row))
            for row in result
            if row.import_type in ACTIONS
        ]
        record_many(request, done, message=f"Imported from {request.POST['original_file_name']}.")

    def add_success_message(self, result: Result, request: HttpRequest) -> None:
        told = ", ".join(f"{count:,} {what}" for what, count in _counts(result).items())
        (messages.warning if result.has_validation_errors() else messages.success)(request, f"Imported: {told}.")

    def _try_again(self, request: HttpRequest, why: str) -> HttpResponse:
        messages.error(request, why)
        return HttpResponseRedirect(reverse("admin:catalog_product_import"))


def _counts(result: Result) -> dict[str, int]:
    return {
        "new": result.totals[RowResult.IMPORT_TYPE_NEW],
        "changed": result.totals[RowResult.IMPORT_TYPE_UPDATE],
        "as they were": result.totals[RowResult.IMPORT_TYPE_SKIP],
        "left out": len(result.invalid_rows),
    }
