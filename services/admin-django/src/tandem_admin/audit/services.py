"""Writing the audit trail. The caller owns the transaction: what did not happen leaves no entry."""

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.db import models
from django.http import HttpRequest
from tandem_runtime.tracing import trace_headers

from tandem_admin.audit.models import AuditEntry

Changes = Mapping[str, list[str]]
SECRET = ("password", "secret", "token")
HIDDEN = "\N{BULLET}" * 6
NAME_LENGTH = 200
VALUE_LENGTH = 1000


def record(
    request: HttpRequest, obj: models.Model, action: AuditEntry.Action, *, changes: Changes | None = None, message: str = ""
) -> None:
    """Note that whoever makes the request did this to the object."""
    AuditEntry.objects.create(
        actor=request.user,
        address=get_adapter().get_client_ip(request),
        traceparent=trace_headers().get("traceparent", ""),
        action=action,
        object_type=obj._meta.label_lower,  # noqa: SLF001 - Django's API
        object_id=str(obj.pk),
        object_name=str(obj)[:NAME_LENGTH],
        changes=changes or {},
        message=message,
    )


def changes_of(form: forms.BaseForm) -> dict[str, list[str]]:
    """By field what it was and what it became, as people read it; secrets do not show."""
    return {name: _difference(form, name) for name in form.changed_data}


def _difference(form: forms.BaseForm, name: str) -> list[str]:
    if any(word in name for word in SECRET):
        return [HIDDEN, HIDDEN]
    field = form.fields[name]
    before = field.to_python(form.get_initial_for_field(field, name)) if not _many(field) else _chosen(form, name)
    return [_text(before), _text(form.cleaned_data.get(name))]


def _many(field: forms.Field) -> bool:
    return isinstance(field, forms.ModelMultipleChoiceField)


def _chosen(form: forms.BaseForm, name: str) -> Any:
    field = form.fields[name]
    return field.clean([getattr(value, "pk", value) for value in form.get_initial_for_field(field, name) or ()])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (models.QuerySet, list, tuple)):
        return ", ".join(sorted(str(each) for each in value))
    return str(value)[:VALUE_LENGTH]
