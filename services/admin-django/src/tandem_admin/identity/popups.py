"""Logging in from a window that another application opened, as API documentation and single-page apps do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def keep_opener(get_response: GetResponse) -> GetResponse:
    """Leave the pages of the login in touch with the window that opened them.

    Django's default, `same-origin`, cuts that tie for good, so the code would never reach the application that waits
    for it. All other pages keep the default.
    """

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        match = request.resolver_match
        if match is not None and ("idp" in match.app_names or (match.url_name or "").startswith("account_")):
            response["Cross-Origin-Opener-Policy"] = "unsafe-none"
        return response

    return respond
