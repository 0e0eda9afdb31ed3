"""The portal as a person uses it, without a browser: forms are read from the page and sent back."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models import PrincipalKind
from tests.support.customers import PASSWORD


@dataclass(slots=True)
class Form:
    """One form of a page: where it goes, and what its fields hold before a person touches them."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(values.get("action", ""), values.get("method", "get").lower()))
            self._open = True
        elif tag in ("input", "button") and self._open and values.get("name"):
            self.found[-1].fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def forms(html: str) -> list[Form]:
    """Every form of a page, in its order."""
    parser = _Forms()
    parser.feed(html)
    return parser.found


class Portal(FlaskClient):
    """Flask's test client that can fill in forms."""

    def submit(self, page: TestResponse, action: str, **fields: str) -> TestResponse:
        """Fill in and send the first form of `page` that goes to `action`. Raises AssertionError when it has none."""
        form = next((form for form in forms(page.text) if form.action == action), None)
        if form is None:
            raise AssertionError(f"no form to {action} in the page: {[form.action for form in forms(page.text)]}")
        send: Any = self.post if form.method == "post" else self.get
        where = "data" if form.method == "post" else "query_string"
        return send(action, **{where: form.fields | fields})  # type: ignore[no-any-return] # the client's own return type

    def login(self, kind: PrincipalKind, login_id: str, password: str = PASSWORD) -> TestResponse:
        """Log in by the page of that kind of principal; returns the answer, which is a redirect when it went well."""
        page = self.get("/staff/login" if kind is PrincipalKind.STAFF else f"/login?as={kind.value}")
        return self.submit(page, f"/login/{kind.value}", login_id=login_id, password=password)
