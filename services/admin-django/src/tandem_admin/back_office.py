"""The admin site: who gets in, and what its first page is."""

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from tandem_admin.dashboard.cards import dashboard
from tandem_admin.identity import second_factor


class BackOffice(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """For staff with a second factor. There is one login page for everybody, with one set of limits: allauth's."""

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"dashboard": dashboard(request, timezone.now()), "title": "Today"}
        response: HttpResponse = super().index(request, shown | (extra_context or {}))
        return response

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        # Alpine, with which unfold's menus are made, evaluates the expressions in its pages.
        policy = csp_update({"script-src": [UNSAFE_EVAL], "form-action": [SELF]})
        allowed: Callable[..., Any] = policy(super().admin_view(view, cacheable))
        return allowed

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_permission(request)) and not second_factor.is_missing(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where `admin_view` sends those who may not in."""
        target = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
            target = reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(target, reverse("account_login"))
        if not super().has_permission(request):
            raise PermissionDenied
        if second_factor.is_missing(request):
            return redirect_to_login(target, reverse("mfa_activate_totp"))
        return HttpResponseRedirect(target)
