"""What an answer to a write means."""

from __future__ import annotations

import json
from typing import Literal

from portalctl.http import Answer, Client
from portalctl.portal.writes import Written

# Already decided, already there, already gone: API7 says so with 400 and a text, releases may with 404 or 409. The
# same can mean that it never happens, so the live state has to tell.
AMBIGUOUS = frozenset({400, 404, 409})


def taken(client: Client, answer: Answer, *, created: str | None) -> Written:
    """The portal's word on a write. `created`: the id of what a success has made.

    What a success looks like is not documented: any 2xx with an empty body, or with JSON that tells no `error_msg`.
    """
    if not answer.ok:
        problem = client.explain(answer)
        unclear = answer.status in AMBIGUOUS or answer.status >= 500
        return Written("unclear" if unclear else "refused", problem.message, answer.trace, status=answer.status)
    try:
        told = json.loads(answer.body) if answer.body.strip() else {}
    except ValueError:
        return Written("unclear", client.not_json(answer).message, answer.trace, status=answer.status)
    said = told if isinstance(told, dict) else {}
    failed = said.get("error_msg")
    result: Literal["done", "unclear"] = "unclear" if failed else "done"
    detail = str(failed or said.get("warning_msg") or "")[:500]
    return Written(result, detail, answer.trace, None if failed else created, answer.status)
