"""The admin's addresses."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path, reverse

from tandem_admin.environment import MEDIA_PATH
from tandem_admin.pictures import serve_picture
from tandem_admin.settings import SETTINGS


def home(request: HttpRequest) -> HttpResponse:
    """Staff work in the back office; customers only log in here, for another application."""
    if request.user.is_staff:
        return redirect(f"{SETTINGS.staff_url or ''}{reverse('admin:index')}")
    if request.user.is_authenticated:
        return render(request, "home.html")
    return redirect("account_login")


handler500 = "tandem_admin.failures.server_error"

urlpatterns = [
    path("", home, name="home"),
    path("admin/", admin.site.urls),
    path("", include("tandem_admin.identity.urls")),
]
if not SETTINGS.media_s3_bucket:
    urlpatterns.append(path(f"{MEDIA_PATH.strip('/')}/<path:name>", serve_picture))
