"""What an answer to a write means."""

from __future__ import annotations

import pytest

from portalctl.http import Answer, Client, Server
from portalctl.portals.api7.write_results import write_result


@pytest.mark.parametrize(
    ("status", "body", "result", "detail"),
    [
        (200, b"", "done", ""),
        (204, b"", "done", ""),
        (201, b" {} ", "done", ""),
        (200, b'{"value": {"id": "a1"}}', "done", ""),
        (200, b'{"value": null, "warning_msg": "the licence ends soon"}', "done", "the licence ends soon"),
        (200, b'"accepted"', "done", ""),
        (200, b'{"error_msg": "no licence"}', "unclear", "no licence"),
        (200, b"<html>Sign in</html>", "unclear", "an HTML page"),
        (400, b"", "unclear", "400"),
        (404, b"", "unclear", "404"),
        (409, b"", "unclear", "409"),
        (502, b"", "unclear", "502"),
        (302, b"", "refused", "302"),
        (403, b"", "refused", "403"),
        (422, b"", "refused", "422"),
    ],
)
def test_an_answer_is_done_refused_or_for_the_live_state_to_tell(
    status: int, body: bytes, result: str, detail: str
) -> None:
    with Client(Server("http://127.0.0.1:1", "a7ee-x", auth="api-key")) as client:
        written = write_result(client, Answer("POST /x", status, body, None, ""), created="org_new")
    assert (written.result, written.status) == (result, status)
    assert detail in written.detail
    assert written.id == ("org_new" if result == "done" else None)
