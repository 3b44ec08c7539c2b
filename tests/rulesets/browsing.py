"""A browser without JavaScript, as far as one form goes: what stands in it, and what a button sends."""

from html.parser import HTMLParser

from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse


class Form(HTMLParser):
    """The page's main form. `fields` can be changed as a person would; `buttons` are `editor` values."""

    def __init__(self, client: Client, url: str, response: HttpResponseBase) -> None:
        super().__init__()
        self.client, self.url, self.response = client, url, response
        self.fields: dict[str, list[str]] = {}
        self.buttons: list[str] = []
        self.text = ""
        self._is_inside = False
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: str | None = None
        self.feed(getattr(response, "content", b"").decode())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self._is_inside = "form" in (given.get("class") or "").split()
        if not self._is_inside:
            return
        name, value = given.get("name"), given.get("value") or ""
        if tag == "input" and name and given.get("type") not in ("radio", "checkbox"):
            self.fields.setdefault(name, []).append(value)
        elif tag == "button" and name == "editor":
            self.buttons.append(value)
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((value, "selected" in given))
        elif tag == "textarea" and name:
            self._textarea = name
            self.fields[name] = [""]

    def handle_data(self, data):
        self.text += data
        if self._textarea:
            self.fields[self._textarea][0] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self._is_inside = False
        elif tag == "select" and self._select:
            chosen = [value for value, is_selected in self._options if is_selected]
            first = [value for value, _ in self._options[:1]]
            self.fields[self._select] = chosen or first
            self._select = None
        elif tag == "textarea" and self._textarea:
            # The first line break after the tag is none of the text (HTML §4.1.8).
            self.fields[self._textarea] = [self.fields[self._textarea][0].removeprefix("\n")]
            self._textarea = None

    def __getitem__(self, name: str) -> str:
        return self.fields[name][0]

    def __setitem__(self, name: str, value: str) -> None:
        assert name in self.fields, f"no field {name} among {sorted(self.fields)}"
        self.fields[name] = [value]

    def press(self, button: str, **headers: str) -> "Form":
        assert button in self.buttons, f"no button {button} among {self.buttons}"
        response = self.client.post(self.url, {**self.fields, "editor": button}, headers=headers)
        assert response.status_code == 200
        return Form(self.client, self.url, response)

    def save(self) -> "Form":
        response = self.client.post(self.url, self.fields)
        return Form(self.client, self.url, response)

    @property
    def went_to(self) -> str:
        return self.response.headers.get("Location", "")


def visit(client: Client, url: str) -> Form:
    response = client.get(url)
    assert response.status_code == 200
    return Form(client, url, response)


def url(name: str, *args: str) -> str:
    return reverse(f"rulesets:{name}", args=args)
