"""The answers of pending sign-ups, and of requests for access, to forms: what a reviewer decides by. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from portalctl.changes.operation import Subject
from portalctl.portals.models import FormAnswer, Snapshot

MOST_FORMS: Final = 1_000  # in one document: strangers submit them


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The answers of one pending developer; with `application` and `api`, those of a request for access."""

    developer: Subject
    answers: tuple[FormAnswer, ...]
    application: str | None = None
    api: str | None = None


def submitted_forms(snapshot: Snapshot, developer: str | None = None) -> tuple[SubmittedForm, ...]:
    """Return what was answered with pending sign-ups and requests, at most MOST_FORMS.

    Args:
        developer: the normal address or the id of a developer: only that developer's forms.
    """
    return tuple(islice(_all(snapshot, developer), MOST_FORMS))


def _all(snapshot: Snapshot, only: str | None) -> Iterator[SubmittedForm]:
    found = [one for one in snapshot.developers if only is None or only in (one.id, one.email, one.address)]
    by_id = {one.id: one for one in found} if snapshot.requests else {}
    for one in found:
        if one.status == "pending" and one.answers:
            yield SubmittedForm(Subject(one.email, one.id), one.answers)
    for request in snapshot.requests:
        owner = by_id.get(request.developer_id)
        if owner is not None and request.answers:
            subject = Subject(owner.email, owner.id)
            yield SubmittedForm(subject, request.answers, request.application_name, request.product)
