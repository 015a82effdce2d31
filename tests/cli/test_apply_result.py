"""The result of an apply: what it lists, in which order, what it advises, and when it stops early."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from portalctl.simulator.faults import Fault
from tests.conftest import Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")
PEOPLE = [f"dev{number:02}@city.example" for number in range(33)]
RULES = "trusted_domains: [city.example]\n"


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=PEOPLE)
    bench.manifest(RULES)
    return bench


def test_equal_403s_stop_the_run_after_a_few(club: Bench) -> None:
    club.sim.inject(Fault("status", method="PATCH", status=403))
    done = club.run("apply", "--yes", "--report", "report.json")
    sent = len(club.writes)
    assert done.code == 4
    assert 5 <= sent <= 10
    assert f"Failed ({sent}): 403 Forbidden" in done.out
    assert f"Skipped ({33 - sent}): the portal returned 403 to " in done.out
    assert done.out.endswith(
        "    Token from KONNECT_TOKEN. "
        + done.out.rpartition("Token from KONNECT_TOKEN. ")[2].partition("\n")[0]
        + "\n    Check the token with: portalctl ping\n\n"
        + f"Nothing was applied: 0 confirmed, {sent} failed, {33 - sent} skipped. Report: report.json\n"
    )
    assert "same command again" not in done.out
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    assert (portal["summary"]["failed"], portal["changes"][0]["status"]) == (sent, 403)
    assert "Token from KONNECT_TOKEN" in portal["changes"][0]["advice"][0]


def test_403s_with_successes_between_them_stop_nothing(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.execution.executor.IN_FLIGHT", 1)
    for address in PEOPLE[::2]:
        club.sim.inject(Fault("status", method="PATCH", path=f"*/{club.emails[address]}", status=403))
    done = club.run("apply", "--yes")
    assert len(club.writes) == 33
    assert "Not everything was applied: 16 confirmed, 17 failed." in done.out


def test_successes_fold_by_rule_and_failures_come_last_and_never_fold(club: Bench) -> None:
    failing = PEOPLE[:1]
    club.sim.inject(Fault("status", method="PATCH", path=f"*/{club.emails[failing[0]]}", status=400))
    done = club.run("apply", "--yes")
    result = done.out.partition("partners  32 of 33 changes confirmed")[2]
    lines = result.splitlines()
    assert "    ✓ 29 more with the same result  (--verbose lists them)" in lines
    assert sum("✓ dev" in line for line in lines) == 3
    assert lines.index("  Failed (1): 400 Bad Request") > max(i for i, line in enumerate(lines) if "✓" in line)
    assert "✗ dev00@city.example  not approved (kong:trace:" in result


def test_verbose_lists_every_success_and_quiet_shows_the_result_alone(club: Bench) -> None:
    done = club.run("apply", "--yes", "--verbose")
    assert sum(f"✓ {address}" in done.out.partition("33 of 33")[2] for address in PEOPLE) == 33
    assert sum(f"✓ {address}" in done.err for address in PEOPLE) == 33
    quiet = club.run("apply", "--yes", "--quiet")
    assert (quiet.code, quiet.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ((), ["the portal returned 503", "2 more requests repeated: the portal returned 503"]),
        (("--verbose",), ["the portal returned 503"] * 3),
        (("--quiet",), []),
    ],
    ids=["normal", "verbose", "quiet"],
)
def test_repeated_requests_are_shown(club: Bench, words: tuple[str, ...], lines: list[str]) -> None:
    club.sim.inject(Fault("status", method="GET", path="*/developers", status=503, times=3))
    done = club.run("plan", *words)
    assert done.code == 0
    shown = [line for line in done.err.splitlines() if "503" in line]
    assert len(shown) == len(lines)
    assert all(part in line for part, line in zip(lines, shown, strict=True))


def test_a_write_that_is_sent_again_is_shown(club: Bench) -> None:
    club.sim.inject(Fault("drop-before", method="PATCH", times=1))
    done = club.run("apply", "--yes")
    assert done.code == 0, done.out
    assert re.search(r"… approve:dev\d\d@city\.example: .*seen not to be done; repeated", done.err)


def test_quiet_and_verbose_exclude_each_other(club: Bench) -> None:
    done = club.run("plan", "--quiet", "--verbose")
    assert done.code == 64
    assert "--quiet and --verbose exclude each other" in done.err


def test_a_saved_report_shows_the_same_result(club: Bench) -> None:
    club.sim.inject(Fault("status", method="PATCH", path=f"*/{club.emails[PEOPLE[0]]}", status=400))
    done = club.run("apply", "--yes", "--report", "report.json")
    shown = portalctl("show", "report.json")
    assert shown.code == 0
    result = done.out.partition("partners  32 of 33")[2].partition(" Report:")[0]
    assert result in shown.out
    assert sum("✓ dev" in line for line in portalctl("show", "report.json", "-v").out.splitlines()) == 32
