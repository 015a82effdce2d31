"""The checks of API7 only: the release, and the portal backend."""

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

KNOWN_FROM = (3, 9)  # the oldest release with documents of the paths and fields
BACKEND = "the portal backend"
NAME_IT = (
    "where the manifest creates accounts or denies developers, set API7_PORTAL_SERVER and API7_PORTAL_TOKEN, or "
    "those for this portal only"
)


@dataclass(frozen=True, slots=True)
class _Version:
    value: str = ""


@dataclass(frozen=True, slots=True)
class _AnyList:
    """Any list, to check only that it can be read. Where it is empty, `list` may be missing."""

    total: int | None = None
    list: Sequence[object] | None = None


def first_row(client: Client, path: str, params: Mapping[str, str]) -> None:
    """Read the smallest part of a list that the release supports.

    Raises PortalError, also for anything that is not a list.
    """
    try:
        answer = client.get(path, {**params, "page": "1", "page_size": "1"})
    except AnswerError as error:
        if error.status not in REFUSED:
            raise
        answer = client.get(path, params)
    found = shaped(client, answer, _AnyList)
    if found.total is None and found.list is None:
        raise client.not_json(answer)


def check_version(exam: Examination, client: Client) -> None:
    """Check the release: `GET /api/version` returns `{"value":

    "3.x.y"}`, or `dev` (the vendor's adc, libs/backend-api7).
    """
    try:
        release = shaped(client, client.get("/api/version"), _Version).value
    except PortalError:  # nothing depends on it
        release = ""
    number = re.match(r"(\d+)\.(\d+)", release)
    if number is None:
        oldest = ".".join(map(str, KNOWN_FROM))
        exam.note(
            "version", "unknown", "the Dashboard does not report its release", f"check that it is {oldest} or later"
        )
    elif (int(number[1]), int(number[2])) < KNOWN_FROM:
        oldest = ".".join(map(str, KNOWN_FROM))
        exam.note(
            "version", "warning", f"API7 Enterprise {release} is older than {oldest}", f"upgrade to {oldest} or later"
        )
    else:
        exam.note("version", "ok", f"API7 Enterprise {release}")


def check_backend(exam: Examination, backend: Client | None) -> None:
    """Check the backend: only creating accounts and listing applications need it."""
    if backend is None:
        text = f"{BACKEND} is not set: accounts can't be created, and applications can't be listed"
        exam.note("backend", "unknown", text, NAME_IT)
        return
    exam.look("backend", f"{BACKEND} accepts its token", partial(first_row, backend, "/api/developers", {}))
