"""What staff do to one object with a page of its own: a GET shows a form, its POST acts.

`/admin/orders/order/<id>/ship/` and the like. A plain link could be followed by accident; a form cannot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.enums import ActionVariant

from tandem_admin.audit.models import AuditEntry
from tandem_admin.audit.services import record
from tandem_admin.audit.trail import AuditedAdmin


class ActRefusedError(Exception):
    """The object's state does not allow the act; the message is for the person who tried."""


def always_possible(_obj: Any) -> None:
    """For an act that every state allows."""


def about_nothing(_obj: Any) -> dict[str, Any]:
    """For a form that asks the same whatever the object."""
    return {}


class NoQuestions(forms.Form):
    """An act that needs nothing but to be confirmed."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """`perform(obj, **fields of the form)` returns what to tell the person, or raises ActRefusedError.

    `refusal(obj)` tells beforehand why the act is not possible now, None when it is; the button shows only then.
    `about(obj)` is what the form has to know of the object, as its keyword arguments.
    """

    name: str
    title: str
    icon: str
    permission: str
    perform: Callable[..., str]
    refusal: Callable[[Any], str | None]
    form: type[forms.Form] = NoQuestions
    about: Callable[[Any], dict[str, Any]] = about_nothing
    explanation: str = ""
    dangerous: bool = False


def button(title: str, icon: str, url: str) -> dict[str, Any]:
    """A button on an object's page, as unfold's template takes it."""
    return {"title": title, "icon": icon, "variant": ActionVariant.DEFAULT, "path": url}


class ActsAdmin(AuditedAdmin):
    """A page whose objects have acts; each is a button on the object's page for those who may."""

    acts: tuple[Act, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{act.name}/",
                self.admin_site.admin_view(partial(self.act_view, act=act)),
                name=self._url_name(act.name),
            )
            for act in self.acts
        ]
        return [*own, *super().get_urls()]

    def act_view(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.may_act(request, act, obj):
            raise PermissionDenied
        form = act.form(request.POST if request.method == "POST" else None, **act.about(obj))
        # Who acts is refused by what is true in the transaction; who errs, or only looks, by what is true now.
        acting = request.method == "POST" and form.is_valid()
        refused: str | None = None if acting else act.refusal(obj)
        if acting:
            try:
                message = self._perform(request, obj, act, form)
            except ActRefusedError as refusal:
                refused = str(refusal)
            else:
                messages.success(request, message)
                return HttpResponseRedirect(self._object_url(obj))
        return self._act_page(request, obj, act, form, refused)

    def may_act(self, request: HttpRequest, act: Act, obj: Any) -> bool:
        """Whether this person may do this to this object."""
        return request.user.has_perm(act.permission)

    def perform_act(self, request: HttpRequest, act: Act, obj: Any, fields: dict[str, Any]) -> str:
        """Perform in the transaction that also logs it; the place to add who asks, where that is kept."""
        return act.perform(obj, **fields)

    def _perform(self, request: HttpRequest, obj: models.Model, act: Act, form: forms.Form) -> str:
        with transaction.atomic():
            message = self.perform_act(request, act, obj, form.cleaned_data)
            told = {name: ["", str(value)] for name, value in form.cleaned_data.items() if value}
            record(request, obj, AuditEntry.Action.ACTED, changes=told, message=f"{act.title}: {message}")
        return message

    def _act_page(
        self, request: HttpRequest, obj: models.Model, act: Act, form: forms.Form, refused: str | None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": act.title,
            "subtitle": str(obj),
            "act": act,
            "form": form,
            "refused": refused,
            "object_url": self._object_url(obj),
        }
        status = HTTPStatus.CONFLICT if refused and form.is_bound else HTTPStatus.OK
        return TemplateResponse(request, "admin/act.html", context, status=status)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            context["actions_detail"] = self.buttons(request, obj)
        response: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return response

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Those on the object's page: its acts that are possible, for those who may."""
        return [
            button(act.title, act.icon, reverse(f"admin:{self._url_name(act.name)}", args=[quote(obj.pk)]))
            for act in self.acts
            if self.may_act(request, act, obj) and act.refusal(obj) is None
        ]

    def _object_url(self, obj: models.Model) -> str:
        return reverse(f"admin:{self._url_name('change')}", args=[quote(obj.pk)])

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


class ReadOnlyAdmin(ActsAdmin):
    """For what staff look at and never write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
