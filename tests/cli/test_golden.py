"""What people read, word for word. After a change that is meant: `pytest tests/cli/test_golden.py --snapshot-update`,
and read the difference."""

from __future__ import annotations

import re

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench, Done

pytestmark = pytest.mark.usefixtures("quick")


class TextFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


def read(bench: Bench, done: Done) -> str:
    """Both streams, without what differs from run to run."""
    text = f"exit {done.code}\n--- stdout\n{done.out}--- stderr\n{done.err}"
    text = text.replace(bench.sim.url.removeprefix("http://"), "127.0.0.1:8080")
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, text)
    text = re.sub(r"--expires [\d-]{10}", "--expires 2027-01-31", text)
    text = re.sub(r"\d+\.\d s\b", "0.1 s", text)
    text = re.sub(r"kong:trace:\d+", "kong:trace:1", text)
    for number, (_, id_) in enumerate(sorted({**bench.emails, **bench.teams}.items())):
        text = text.replace(id_, f"00000000-0000-4000-8000-{number:012}")
    return text


RULES = """
trusted_domains:
  - domain: manchestercity.com
    teams: [city]
    reason: "Partner since 2023"
  - domain: liverpoolfc.com
    teams: [reds]
denied_domains:
  - domain: mailinator.com
teams:
  - name: city
    description: Manchester City
  - name: reds
    members: [guest@agency.example]
  - name: gunners
    membership: exclusive
    members: []
overrides:
  - developer: peter@arsenal.com
    status: revoked
    reason: "Left the club, HR-4711"
"""


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(
        pending=[
            "john@liverpoolfc.com",
            "throwaway@mailinator.com",
            "stranger@nowhere.org",
            "Kevin@ManchesterCity.com",
        ],
        approved=["james@manchestercity.com", "peter@arsenal.com", "bob@x.org"],
        revoked=["wayne@manchestercity.com"],
    )
    bench.team("city", "james@manchestercity.com", "bob@x.org", description="Man City")
    bench.team("gunners", "peter@arsenal.com", "bob@x.org")
    bench.manifest(RULES)
    return bench


@pytest.mark.parametrize("width", [80, 160])
def test_plan(club: Bench, golden: SnapshotAssertion, width: int) -> None:
    assert read(club, club.run("plan", COLUMNS=str(width))) == golden


def test_apply(club: Bench, golden: SnapshotAssertion) -> None:
    assert read(club, club.run("apply", "--yes")) == golden


def test_apply_with_a_failure(club: Bench, golden: SnapshotAssertion) -> None:
    john = club.emails["john@liverpoolfc.com"]
    club.sim.inject(Fault("status", method="PATCH", path=f"*/{john}", status=400))
    assert read(club, club.run("apply", "--yes")) == golden


@pytest.mark.parametrize("width", [80, 160])
def test_drift(club: Bench, golden: SnapshotAssertion, width: int) -> None:
    assert read(club, club.run("drift", COLUMNS=str(width))) == golden


def test_refused(club: Bench, golden: SnapshotAssertion) -> None:
    club.manifest(RULES + "policy:\n  limits: {removals: 1}\nprotected: [bob@x.org]\n")
    assert read(club, club.run("plan")) == golden


def test_many_alike_fold_and_removals_never(bench: Bench, golden: SnapshotAssertion) -> None:
    bench.people(
        pending=[f"p{number:02}@liverpoolfc.com" for number in range(40)],
        approved=[f"gone{number:02}@x.org" for number in range(25)],
        revoked=[f"out{number:02}@manchestercity.com" for number in range(30)],
    )
    bench.team("gunners", *[f"gone{number:02}@x.org" for number in range(25)])
    bench.manifest(RULES)
    assert read(bench, bench.run("plan")) == golden


HOSTILE = [
    "\x1b[31mred@liverpoolfc.com",
    "::error::x@liverpoolfc.com",
    "##[add-mask]x@liverpoolfc.com",
    "a\u202emoc.cfloopervil@liverpoolfc.com",
    "a\r\nApplied: everything@liverpoolfc.com",
    "x@liverpoolfc.com\u2028::stop-commands::y",
    "x@liverpoolfc.com@evil.example",
    '"x@liverpoolfc.com"@evil.example',
    "m\u0131ke@liverpoolfc.com",
    "x@liverpoolfc.co\u043c",
    "x@evil-liverpoolfc.com",
    "x@sub.liverpoolfc.com",
    "x@liverpoolfc.com.evil.example",
    "\x07\x9b2J@mailinator.com",
]


def test_what_strangers_typed_stays_inert(bench: Bench, golden: SnapshotAssertion) -> None:
    bench.people(pending=HOSTILE, approved=["\x1b]0;owned\x07@x.org"])
    bench.team("gunners", "\x1b]0;owned\x07@x.org")
    bench.sim.store.add_portal("\x1b[2J::warning::portal")
    bench.manifest(RULES)
    done = bench.run("plan")
    assert read(bench, done) == golden
    unknown = bench.run("plan")
    for text in (done.out, done.err, unknown.err, bench.run("drift").out, bench.run("plan", "-o", "json").out):
        assert all(sign == "\n" or sign.isprintable() for sign in text)
        assert not re.search(r"^\s*::|##\[", text, re.MULTILINE)
    applied = bench.run("apply", "--yes")
    assert applied.code == 0
    assert all(sign == "\n" or sign.isprintable() for sign in applied.out)
    approved = [p["email"] for p in bench.sim.store.developers(PORTAL_ID) if p["status"] == "approved"]
    assert approved == ["\x1b]0;owned\x07@x.org"]


def test_errors(club: Bench, golden: SnapshotAssertion) -> None:
    said = [
        read(club, club.run("plan", KONNECT_TOKEN="kpat_wrong")),
        read(club, club.run("plan", KONNECT_SERVER_URL="http://127.0.0.1:1")),
        read(club, club.run("apply")),
        read(club, club.run("plan", "--portal", "partner")),
    ]
    club.manifest(
        "trusted_domain: []\nteams: [{name: reds, members: null}]\ntrusted_domains: [{domain: x.com, teams: [red]}]\n"
    )
    said.append(read(club, club.run("plan")))
    assert "\n\n".join(said) == golden
