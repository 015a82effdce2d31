"""What `checkup` looks at on API7 alone: the release, and the portal backend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from portalctl.errors import AnswerError, PortalError
from portalctl.http import Client
from portalctl.portals.api7.lists import REFUSED
from portalctl.portals.decode import shaped
from portalctl.portals.ping_checks import Examination

KNOWN_FROM = (3, 9)  # the oldest release whose documents the paths and fields are from
BACKEND = "the portal backend"
NAME_IT = (
    "where the manifest makes accounts or keeps people out, set API7_PORTAL_SERVER and API7_PORTAL_TOKEN, "
    "or those for this portal alone"
)


@dataclass(frozen=True, slots=True)
class _Version:
    value: str = ""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Any list, for whoever asks only whether there is one. Where it is empty, `list` may be missing."""

    total: int | None = None
    list: Sequence[object] | None = None


def first_row(client: Client, path: str, params: Mapping[str, str]) -> None:
    """As little of a list as the release lets one ask for. Raises PortalError, for what is no list too."""
    try:
        answer = client.get(path, {**params, "page": "1", "page_size": "1"})
    except AnswerError as error:
        if error.status not in REFUSED:
            raise
        answer = client.get(path, params)
    found = shaped(client, answer, _Rows)
    if found.total is None and found.list is None:
        raise client.not_json(answer)


def check_version(exam: Examination, client: Client) -> None:
    """`GET /api/version` gives `{"value": "3.x.y"}`, or `dev`: so the vendor's adc reads it (libs/backend-api7)."""
    try:
        told = shaped(client, client.get("/api/version"), _Version).value
    except PortalError:  # nothing depends on it
        told = ""
    number = re.match(r"(\d+)\.(\d+)", told)
    if number is None:
        oldest = ".".join(map(str, KNOWN_FROM))
        exam.note(
            "version", "unknown", "the Dashboard does not tell its release", f"see that it is {oldest} or later"
        )
    elif (int(number[1]), int(number[2])) < KNOWN_FROM:
        oldest = ".".join(map(str, KNOWN_FROM))
        exam.note(
            "version", "warning", f"API7 Enterprise {told} is older than {oldest}", f"upgrade to {oldest} or later"
        )
    else:
        exam.note("version", "ok", f"API7 Enterprise {told}")


def check_backend(exam: Examination, backend: Client | None) -> None:
    """Only making accounts and listing applications need it."""
    if backend is None:
        text = f"{BACKEND} is not known: accounts can't be made, and applications not be listed"
        exam.note("backend", "unknown", text, NAME_IT)
        return
    exam.look("backend", f"{BACKEND} takes its token", partial(first_row, backend, "/api/developers", {}))
