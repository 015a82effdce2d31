"""A visitor of the page without a browser: cookies, links and forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.controller.api_world import TOKENS, Got, World
from tests.output.reading import read


@dataclass
class Visitor:
    """Sends requests as a browser does. `sent` is what a browser adds by itself to those from pages of ours."""

    world: World
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.world.port}"

    def get(self, path: str, **headers: str) -> Got:
        return self.world.send("GET", path, **self._headers(headers))

    def post(self, path: str, form: dict[str, str] | bytes | None = None, **headers: str) -> Got:
        """Submit a form of this page; `headers` replace those that a browser sends."""
        body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
        known = {"Content_Type": "application/x-www-form-urlencoded", "Origin": self.origin}
        known |= {"Sec_Fetch_Site": "same-origin"}
        return self.world.send("POST", path, body, **self._headers(known | headers))

    def sign_in(self, role: str, token: str | None = None) -> Got:
        """Sign in with the token of a role, and keep the cookie."""
        got = self.post("/login", {"token": token or TOKENS[role], "next": "/"})
        self.cookie = got.headers.get("set-cookie", "").partition(";")[0]
        return got

    def text(self, path: str) -> str:
        """Return the text of a page, with blanks made one."""
        got = self.get(path)
        assert got.status == 200, got
        return text_of(got)

    def links(self, path: str) -> list[str]:
        elements = read(self.get(path).body.decode()).elements
        return [attributes["href"] or "" for tag, attributes in elements if tag == "a" and "href" in attributes]

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        known = {"Accept": "text/html,*/*", **self.headers, **headers}
        return {name: value for name, value in (known | {"Cookie": self.cookie}).items() if value}


def text_of(got: Got) -> str:
    """Return the text of a page, with blanks made one."""
    return " ".join(read(got.body.decode()).text.split())
