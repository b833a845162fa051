"""Writing the audit trail. The caller owns the transaction: what did not happen leaves no entry."""

from collections.abc import Iterable, Mapping
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.core.files.base import File
from django.db import models
from django.http import HttpRequest
from tandem_runtime.tracing import trace_headers

from tandem_admin.audit.models import AuditEntry

Changes = Mapping[str, list[str]]
SECRET = ("password", "secret", "token")
HIDDEN = "\N{BULLET}" * 6
NAME_LENGTH = 200
WRITTEN_AT_ONCE = 1000
VALUE_LENGTH = 1000


def record(
    request: HttpRequest,
    obj: models.Model,
    action: AuditEntry.Action,
    *,
    changes: Changes | None = None,
    message: str = "",
) -> None:
    """Note that whoever makes the request did this to the object."""
    record_many(request, [(obj, action, changes or {})], message=message)


def record_many(
    request: HttpRequest, done: Iterable[tuple[models.Model, AuditEntry.Action, Changes]], *, message: str
) -> None:
    """Note what whoever makes the request did to each object."""
    common = {
        "actor": request.user,
        "address": get_adapter().get_client_ip(request),
        "traceparent": trace_headers().get("traceparent", ""),
        "message": message,
    }
    entries = (
        AuditEntry(
            object_type=obj._meta.label_lower,  # noqa: SLF001 - Django's API
            object_id=str(obj.pk),
            object_name="" if _is_personal(obj) else str(obj)[:NAME_LENGTH],
            action=action,
            changes=changes,
            **common,
        )
        for obj, action, changes in done
    )
    AuditEntry.objects.bulk_create(entries, batch_size=WRITTEN_AT_ONCE)


def _is_personal(obj: models.Model) -> bool:
    """Whether the object's name is a person's, which must not outlive the person's wish."""
    return bool(getattr(obj, "PERSONAL_FIELDS", ()))


def changes_of(form: forms.BaseForm) -> dict[str, list[str]]:
    """By field what it was and what it became, as people read it; secrets and personal data do not show."""
    return {name: _difference(form, name) for name in form.changed_data}


def _difference(form: forms.BaseForm, name: str) -> list[str]:
    personal = getattr(getattr(form, "instance", None), "PERSONAL_FIELDS", ())
    if name in personal or any(word in name for word in SECRET):
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
    if isinstance(value, File):
        return value.name or ""
    if isinstance(value, (models.QuerySet, list, tuple)):
        return ", ".join(sorted(str(each) for each in value))
    return str(value)[:VALUE_LENGTH]
