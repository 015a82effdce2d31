"""The meaning of an answer to a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic_core import from_json

from portalctl.http import Answer, Client
from portalctl.portals.answer_ids import JsonObject, OtherAnswerError, check_id, check_portal
from portalctl.portals.writes import WriteResult
from portalctl.words import shortened

# Already decided, already there, already gone: API7 returns 400 with a text, some releases may return 404 or 409. The
# same answer can mean a failure, so the live state decides.
AMBIGUOUS = frozenset({400, 404, 409})


def write_result(
    client: Client,
    answer: Answer,
    *,
    created: str | None,
    asked: Mapping[str, tuple[str, str]] = {},
    portal_id: str | None = None,
) -> WriteResult:
    """Return what the portal's answer to a write means.

    Successes are not documented: any 2xx with an empty body, or with JSON without `error_msg`. Args: created: the id
        of the created object, after a success. asked: the kind and id of the requested object, by the field of the
        answer that may have the id. portal_id: the portal, where the answer may name one."""
    if not answer.ok:
        problem = client.explain(answer)
        unclear = answer.status in AMBIGUOUS or answer.status >= 500
        return WriteResult(
            "unclear" if unclear else "refused",
            problem.message,
            answer.trace,
            status=answer.status,
            advice=problem.advice,
        )
    try:
        parsed = from_json(answer.body) if answer.body.strip() else {}
    except ValueError:
        return WriteResult("unclear", client.not_json(answer).message, answer.trace, status=answer.status)
    fields = parsed if isinstance(parsed, dict) else {}
    try:
        _check(client, answer, fields, asked, portal_id)
    except OtherAnswerError as error:
        return WriteResult("unclear", error.message, answer.trace, status=answer.status, misdirected=True)
    failed = fields.get("error_msg")
    result: Literal["done", "unclear"] = "unclear" if failed else "done"
    detail = shortened(str(failed or fields.get("warning_msg") or ""), 500)
    return WriteResult(result, detail, answer.trace, None if failed else created, answer.status)


def _check(
    client: Client, answer: Answer, fields: JsonObject, asked: Mapping[str, tuple[str, str]], portal_id: str | None
) -> None:
    """Check the ids in an answer. Raises OtherAnswerError. A Dashboard puts a single object into `value`."""
    value = fields.get("value")
    about = value if isinstance(value, dict) else fields
    if portal_id is not None:
        check_portal(client, answer, about, portal_id)
    for field, (what, key) in asked.items():
        check_id(client, answer, what, key, about.get(field))
