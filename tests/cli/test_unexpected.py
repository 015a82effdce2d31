"""An exception that nobody foresaw: one change is unknown, the others go on, and every result is told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from portalctl.portals.answer_ids import json_object
from portalctl.portals.models import Sighting, Touched
from portalctl.portals.protocol import Portal
from portalctl.portals.writes import Precheck, SetStatusWrite, Write, WriteResult, at_any_time
from portalctl.providers.registry import provider_named
from tests.answering import answering, http
from tests.conftest import Bench, Done

pytestmark = pytest.mark.usefixtures("quick")
RULES = """
trusted_domains: [{domain: city.example, teams: [reds]}]
teams: [{name: reds}]
overrides: [{developer: gone@city.example, status: revoked, reason: "Left"}]
"""


class Odd:
    """A provider that fails at one developer's write, in a way that no provider should, and else does as `inner`."""

    def __init__(self, inner: Portal, error: Exception, *, of: str, sends: bool, blind: bool = False) -> None:
        self._inner, self._error, self._of, self._sends, self._blind = inner, error, of, sends, blind
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Odd:
        self._inner.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._inner.__exit__(*raised)

    def reread(self, touched: Touched) -> Sighting:
        self._looks += 1
        if self._blind and self._looks > 1:
            raise self._error
        return self._inner.reread(touched)

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        if not self._blind and isinstance(write, SetStatusWrite) and write.developer_id == self._of:
            if self._sends:
                self._inner.write(write, precheck)
            raise self._error
        return self._inner.write(write, precheck)


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@city.example", "bob@city.example"], approved=["gone@city.example"])
    bench.team("reds")
    bench.manifest(RULES)
    return bench


def apply_oddly(monkeypatch: pytest.MonkeyPatch, club: Bench, error: Exception, **odd: Any) -> Done:
    """Apply through a provider that is odd, which is a provider like any other."""
    of = club.emails["ann@city.example"]
    usual = provider_named("konnect")
    strange = replace(
        usual, connect=lambda connection: cast(Portal, Odd(usual.connect(connection), error, of=of, **odd))
    )
    monkeypatch.setattr("portalctl.run_context.provider_named", lambda _: strange)
    words = ("--yes", "--report", "report.json", "--journal", "journal.jsonl", "--confirm-timeout", "0.2")
    return club.run("apply", *words)


@pytest.mark.wide(1)
@pytest.mark.parametrize("sends", [False, True])
@pytest.mark.parametrize(
    "error",
    [MemoryError(), RecursionError("deep"), KeyError("x"), AssertionError(), UnicodeError(), OSError(5, "io")],
)
def test_an_exception_in_a_worker_makes_its_change_unknown_and_no_other(
    monkeypatch: pytest.MonkeyPatch, club: Bench, error: Exception, sends: bool
) -> None:
    done = apply_oddly(monkeypatch, club, error, sends=sends)
    assert done.code == 4, done.out + done.err
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    results = {change["id"]: (change["result"], change["detail"]) for change in portal["changes"]}
    unknown, detail = results.pop("approve:ann@city.example")
    assert (unknown, type(error).__name__ in detail) == ("unknown", True)
    assert results.pop("add_member:ann@city.example:reds")[0] in {"confirmed", "skipped"}
    assert {key: result for key, (result, _) in results.items()} == {
        "approve:bob@city.example": "confirmed",
        "add_member:bob@city.example:reds": "confirmed",
        "revoke:gone@city.example": "confirmed",
    }
    cause = done.out.partition(f"Unknown (1): an unexpected {type(error).__name__} in portalctl")[2]
    assert "? ann@city.example  unknown whether approved" in re.sub(" +", " ", cause).replace("example ", "example  ")
    journal = [json.loads(line) for line in Path("journal.jsonl").read_text().splitlines()]
    assert (journal[-1]["event"], journal[-1]["unknown"]) == ("end", 1)
    assert any(each["event"] == "answer" and type(error).__name__ in (each["detail"] or "") for each in journal)
    assert "Traceback" not in done.err + done.out


@pytest.mark.slow
def test_a_look_that_fails_in_an_unexpected_way_leaves_what_was_sent_unknown(
    monkeypatch: pytest.MonkeyPatch, club: Bench
) -> None:
    done = apply_oddly(monkeypatch, club, MemoryError(), sends=True, blind=True)
    assert done.code == 4
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    assert {change["result"] for change in portal["changes"]} == {"unknown"}
    assert all("MemoryError" in change["detail"] for change in portal["changes"])
    assert json.loads(Path("journal.jsonl").read_text().splitlines()[-1])["event"] == "end"


def test_threads_that_cannot_be_started_lose_no_result(monkeypatch: pytest.MonkeyPatch, club: Bench) -> None:
    def refuse(self: Any) -> None:  # noqa: ARG001
        raise RuntimeError("can't start new thread")

    assert club.run("plan", "--out", "plan.json").code == 0
    monkeypatch.setattr("concurrent.futures.thread.ThreadPoolExecutor._adjust_thread_count", refuse)
    words = ("--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    done = club.run("apply", *words)
    if done.code == 1:  # the readers' threads come first
        assert "RuntimeError" in done.err
        assert club.writes == []
        return
    assert done.code == 4
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    assert {change["result"] for change in portal["changes"]} <= {"unknown", "skipped"}


@pytest.mark.wide(3)
@pytest.mark.parametrize("command", ["plan", "drift", "explain", "ping"])
@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error", "400 Bad Request"])
def test_an_answer_that_is_nested_deeply_is_one_clear_error(bench: Bench, command: str, status: str) -> None:
    bench.manifest(RULES)
    words = ["ann@city.example"] if command == "explain" else []
    with answering(http(status, b"[" * 200_000)) as url:
        done = bench.run(command, *words, KONNECT_SERVER_URL=url)
    assert done.code == 1, done.out + done.err
    assert "internal error" not in done.err
    assert len(done.err) + len(done.out) < 3_000


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"id":' * 100_000, b'{"id": NaN}', b"{}x", b"\xff", b"null"])
def test_the_body_of_a_success_is_read_for_ids_only_and_never_fails(body: bytes) -> None:
    assert json_object(body) == {}
