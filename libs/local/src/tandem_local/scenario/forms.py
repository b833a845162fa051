"""HTML forms as a browser sees them: every field with the value it would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

UNSENT = ("submit", "button", "image", "reset", "file")


@dataclass
class Form:
    """A form of a page: its action ("" for the page itself), its fields and the choices of its selects by label."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


def forms_of(page: str) -> list[Form]:
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False
        self._select = ""
        self._option: str | None = None
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=attributes.get("action", "")))
            self._open = True
            return
        if not self._open:
            return
        name = attributes.get("name", "")
        if tag == "input" and name and attributes.get("type", "text") not in UNSENT:
            unchecked = attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes
            if not unchecked:
                self._form.fields[name] = attributes.get("value", "")
        elif tag == "textarea" and name:
            self._textarea = name
            self._form.fields[name] = ""
        elif tag == "select" and name:
            self._select = name
            self._form.choices[name] = {}
            self._form.fields[name] = ""  # a select that a script fills has no options yet
        elif tag == "option" and self._select:
            self._option = attributes.get("value", "")
            first = not self._form.choices[self._select] and not self._form.fields[self._select]
            if "selected" in attributes or first:
                self._form.fields[self._select] = self._option

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "select":
            self._select = ""
        elif tag == "option":
            self._option = None
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._form.fields[self._textarea] += data.removeprefix("\n")
        elif self._option is not None and self._select and data.strip():
            self._form.choices[self._select][data.strip()] = self._option

    @property
    def _form(self) -> Form:
        return self.forms[-1]
