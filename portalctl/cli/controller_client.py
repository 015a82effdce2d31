"""The controller's API, for the commands that call it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from portalctl.environment import secret
from portalctl.errors import BadUsageError, RefusedError
from portalctl.events import Observer, ignore
from portalctl.output.escaping import terminal
from portalctl.words import quoted

if TYPE_CHECKING:
    from portalctl.http import Client
    from portalctl.http.answer import Answer

URL: Final = "PORTALCTL_CONTROLLER_URL"
TOKEN: Final = "PORTALCTL_CONTROLLER_TOKEN"  # noqa: S105 (a variable's name)
DECISION: Final = frozenset({404, 409})  # a plan that is unknown, stale, expired or decided cannot be decided
_ADVICE: Final = {
    401: "Check that it is in the controller's token file.",
    403: "Make one for another role with: portalctl run token NAME ROLE",
    429: "Try again in a minute.",
}
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ControllerPlace:
    """Where a controller is. `source`: the option or variable that names it."""

    url: str
    source: str
    ca_file: Path | None = None


class ControllerApi:
    """Calls of the controller. Every error names the call, and what to do."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, path: str) -> Mapping[str, Any]:
        """Return the answer to GET. Raises PortalctlError."""
        return self._content(self._client.request("GET", path))

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, refused: frozenset[int] = frozenset({409})
    ) -> Mapping[str, Any]:
        """Return the answer to POST. Raises RefusedError for a status in `refused`, and PortalctlError."""
        return self._content(self._client.request("POST", path, body=body or {}), refused)

    def get_text(self, path: str, params: Mapping[str, str]) -> bytes:
        """Return the body of the answer to GET. Raises PortalctlError."""
        answer = self._client.request("GET", path, params=params)
        self._check(answer)
        return answer.body

    def post_document(self, path: str, document: str) -> None:
        """Send a JSON document. Raises PortalctlError."""
        content: dict[str, object] = json.loads(document)
        self._check(self._client.request("POST", path, body=content))

    def delete(self, path: str, params: Mapping[str, str]) -> None:
        """Send DELETE. Raises PortalctlError."""
        self._content(self._client.request("DELETE", path, params=params))

    def _content(self, answer: Answer, refused: frozenset[int] = frozenset()) -> Mapping[str, Any]:
        from portalctl.http.answer import parse_json

        self._check(answer, refused)
        try:
            content = parse_json(answer.body)
        except ValueError:
            raise self._client.not_json(answer) from None
        if not isinstance(content, dict):
            raise self._client.not_json(answer)
        return content

    def _check(self, answer: Answer, refused: frozenset[int] = frozenset()) -> None:
        """Raise the error that an answer means."""
        if answer.ok:
            return
        error = self._client.explain(answer)
        if answer.status in refused:
            raise RefusedError(error.message)
        if answer.status == 404:
            raise BadUsageError(error.message, "Check the name and the address of the controller.")
        if answer.status == 400:
            raise BadUsageError(error.message, "Correct this value.")
        raise error


def controller_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command the address of a controller as `place`."""

    @click.option(
        "--server", metavar="URL", help=f"The controller's address, such as http://127.0.0.1:8350.  [default: {URL}]"
    )
    @click.option(
        "--ca-file", type=click.Path(path_type=Path, dir_okay=False), help="Certificates (PEM) to trust for TLS."
    )
    @wraps(command)
    def with_controller(*, server: str | None, ca_file: Path | None, **others: object) -> None:
        command(place=_place(server, ca_file), **others)

    return with_controller


def place_from_environment() -> ControllerPlace | None:
    """Return the controller that the environment names; None for none."""
    url = os.environ.get(URL, "").strip()
    return ControllerPlace(url, URL) if url else None


def _place(server: str | None, ca_file: Path | None) -> ControllerPlace:
    """Raises BadUsageError without an address."""
    if server is not None:
        return ControllerPlace(server, "--server", ca_file)
    found = place_from_environment()
    if found is None:
        raise BadUsageError("no controller named", f"Pass --server URL, or set {URL}.")
    return ControllerPlace(found.url, found.source, ca_file)


@contextmanager
def controller(
    place: ControllerPlace, observer: Observer = ignore, *, seconds: float = 30.0
) -> Iterator[ControllerApi]:
    """Yield the API of a controller. Raises BadUsageError for an unusable address or token.

    Args:
        seconds: the limit of each call.
    """
    from portalctl.http import Client, Server
    from portalctl.http.bounds import RequestLimits
    from portalctl.http.server import READ_WRITE

    token = secret(os.environ, TOKEN)
    if token is None:
        raise BadUsageError(f"no token for the controller: {TOKEN} is not set", f"Set {TOKEN}, or {TOKEN}_FILE.")
    server = Server(
        place.url.rstrip("/"),
        token.value.strip(),
        url_source=place.source,
        token_source=token.source,
        ca_file=place.ca_file,
        peer="the controller",
    )
    limits = RequestLimits(seconds=seconds, connect_seconds=min(10.0, seconds))
    with Client(server, methods=READ_WRITE, observer=observer, limits=limits, advice=_ADVICE) as client:
        yield ControllerApi(client)


def check_digest(digest: str) -> str:
    """Return the digest of a plan as it is in paths. Raises BadUsageError for anything else."""
    if not _DIGEST.fullmatch(digest):
        raise BadUsageError(
            f"{quoted(digest)} is not a valid digest; expected sha256: and 64 hexadecimal digits",
            "The controller lists held plans, and notifications name them.",
        )
    return digest


def portal_path(name: str, what: str) -> str:
    """Return the path of a portal's resource."""
    return f"/v1/portals/{quote(name, safe='')}/{what}"


def say(text: str, *, err: bool = False) -> None:
    """Print one line, with the server's text in it made inert."""
    click.echo(terminal(text), err=err)
