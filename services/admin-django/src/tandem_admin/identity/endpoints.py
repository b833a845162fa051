"""What allauth's OIDC views lack: caching, one-time use under concurrency, and the browser's preflight."""

from allauth.idp.oidc import views
from allauth.idp.oidc.models import Client
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt

METADATA_SECONDS = 300

configuration = cache_control(public=True, max_age=METADATA_SECONDS)(views.configuration)
jwks = cache_control(public=True)(views.jwks)


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code or refresh token; the same one twice at the same time succeeds once."""
    if request.method == "OPTIONS":
        return _preflight(request)
    with transaction.atomic():
        once = request.POST.get("code") or request.POST.get("refresh_token")
        if once:
            # allauth reads and deletes in two steps; whoever comes second must find it gone.
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [once])
        response: HttpResponse = views.token(request)
    patch_vary_headers(response, ["Origin"])
    return response


def _preflight(request: HttpRequest) -> HttpResponse:
    """Answer a browser application that asks before it posts; which client it is, the post will tell."""
    response = HttpResponse(status=204)
    response["Vary"] = "Origin"
    origin = request.headers.get("Origin", "")
    if any(origin in client.get_cors_origins() for client in Client.objects.exclude(cors_origins="")):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "POST"
        response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Requested-With"
        response["Access-Control-Max-Age"] = "600"
    return response
