"""What an answer to a write means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic_core import from_json

from portalctl.http import Answer, Client
from portalctl.portals.answer_ids import JsonObject, OtherAnswerError, check_id, check_portal
from portalctl.portals.writes import Written
from portalctl.words import shortened

# Already decided, already there, already gone: API7 says so with 400 and a text, releases may with 404 or 409. The
# same can mean that it never happens, so the live state has to tell.
AMBIGUOUS = frozenset({400, 404, 409})


def taken(
    client: Client,
    answer: Answer,
    *,
    created: str | None,
    asked: Mapping[str, tuple[str, str]] = {},
    portal_id: str | None = None,
) -> Written:
    """Return what the portal's answer to a write means.

    What a success looks like is not documented: any 2xx with an empty body, or with JSON without `error_msg`.

    Args:
        created: the id of what a success has made.
        asked: the kind and id of what was asked for, by the field that has the id where the answer has it.
        portal_id: the portal, where the answer may name one.
    """
    if not answer.ok:
        problem = client.explain(answer)
        unclear = answer.status in AMBIGUOUS or answer.status >= 500
        return Written("unclear" if unclear else "refused", problem.message, answer.trace, status=answer.status)
    try:
        told = from_json(answer.body) if answer.body.strip() else {}
    except ValueError:
        return Written("unclear", client.not_json(answer).message, answer.trace, status=answer.status)
    said = told if isinstance(told, dict) else {}
    try:
        _check(client, answer, said, asked, portal_id)
    except OtherAnswerError as error:
        return Written("unclear", error.message, answer.trace, status=answer.status, misdirected=True)
    failed = said.get("error_msg")
    result: Literal["done", "unclear"] = "unclear" if failed else "done"
    detail = shortened(str(failed or said.get("warning_msg") or ""), 500)
    return Written(result, detail, answer.trace, None if failed else created, answer.status)


def _check(
    client: Client, answer: Answer, said: JsonObject, asked: Mapping[str, tuple[str, str]], portal_id: str | None
) -> None:
    """Raises OtherAnswerError. A Dashboard puts a single object into `value`."""
    value = said.get("value")
    about = value if isinstance(value, dict) else said
    if portal_id is not None:
        check_portal(client, answer, about, portal_id)
    for field, (what, key) in asked.items():
        check_id(client, answer, what, key, about.get(field))
