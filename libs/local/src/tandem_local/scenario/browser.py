"""A person at a browser, without one: pages, cookies, redirects and forms over HTTP."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx

from tandem_local.scenario.forms import Form, forms_of

MOST_REDIRECTS = 10


class UnexpectedPageError(Exception):
    """A page is not what a person would have expected there."""


class Browser:
    """Keeps cookies and shows one page at a time. A redirect to another scheme ends the way: an app would take over."""

    def __init__(self, base_url: str, *, patience_seconds: float = 20) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=patience_seconds)
        self.url = base_url
        self.page = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def base_url(self) -> str:
        return str(self._client.base_url)

    @property
    def cookies(self) -> dict[str, str]:
        """Whoever has them is logged in as the person is."""
        return dict(self._client.cookies)

    def open(self, url: str) -> str:
        """Go to `url`, and on with its redirects; returns where that ended."""
        return self._arrive(self._client.get(url))

    def submit(self, files: Mapping[str, Path] | None = None, /, **values: str) -> str:
        """Fill in the form that has these fields and send it, with `files`; a choice may be named by its label."""
        form = self._form_with(set(values))
        filled = form.fields | {name: form.choices.get(name, {}).get(value, value) for name, value in values.items()}
        target = httpx.URL(self.url).join(form.action) if form.action else self.url
        sent = {name: (path.name, path.read_bytes()) for name, path in (files or {}).items()}
        # Django's protection against forged requests wants to know where the form was.
        return self._arrive(self._client.post(target, data=filled, files=sent, headers={"Referer": self.url}))

    def choice(self, label: str, *, app: str, model: str, field: str) -> str:
        """Type `label` into one of the admin's searching selects; returns the value it sends for it."""
        asked = {"app_label": app, "model_name": model, "field_name": field, "term": label}
        found = self._client.get("/admin/autocomplete/", params=asked).raise_for_status().json()["results"]
        values = [str(result["id"]) for result in found if result["text"] == label]
        if not values:
            raise UnexpectedPageError(f"{field} offers no {label}")
        return values[0]

    def _form_with(self, names: set[str]) -> Form:
        for form in forms_of(self.page):
            if names <= form.fields.keys() and "csrfmiddlewaretoken" in form.fields:
                return form
        raise UnexpectedPageError(f"no form with {', '.join(sorted(names)) or 'a button'} at {self.url}")

    def _arrive(self, response: httpx.Response) -> str:
        for _ in range(MOST_REDIRECTS):
            if not response.has_redirect_location:
                break
            target = str(response.url.join(response.headers["Location"]))
            if urlsplit(target).scheme not in ("http", "https"):
                return target
            response = self._client.get(target)
        self.url, self.page = str(response.url), response.text
        if response.status_code != HTTPStatus.OK:
            raise UnexpectedPageError(f"{response.request.method} {self.url} answered {response.status_code}")
        return self.url
