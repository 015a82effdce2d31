"""`drift` with acknowledgements, Markdown and metrics."""

from __future__ import annotations

from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from ruamel.yaml import YAML

from portalctl.output.masks import Mask
from portalctl.simulator.faults import Fault
from tests.conftest import Bench
from tests.output.test_metrics import parsed

HERE = ("portal", "partners")


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(approved=["eve@x.org"], revoked=["ann@city.com"], pending=["new@city.com"])
    bench.manifest("trusted_domains: [city.com]\n")
    return bench


def findings(bench: Bench) -> dict[str, Any]:
    return {each["kind"]: each for each in bench.run("drift", "-o", "json").json["portals"][0]["findings"]}


def acknowledge(*entries: str) -> None:
    Path("known.yaml").write_text(
        "version: 1\nacknowledgements:\n" + "".join(f"  - {{{each}}}\n" for each in entries)
    )


@pytest.mark.slow
def test_fingerprints_are_shown_in_every_form_and_stay_from_run_to_run(club: Bench) -> None:
    fingerprint = findings(club)["withheld"]["fingerprint"]
    club.manifest("\n\ntrusted_domains: [a.com, city.com]\n")
    assert findings(club)["withheld"]["fingerprint"] == fingerprint
    assert f"[{fingerprint}]" in club.run("drift").out
    assert f"`{fingerprint}`" in club.run("drift", "-o", "markdown").out


def test_what_is_acknowledged_is_no_reason_to_fail_and_listed_apart(club: Bench) -> None:
    found = findings(club)
    acknowledge(f"finding: {found['withheld']['fingerprint']}, reason: agreed, expires: 2999-12-31")
    done = club.run("drift", "--acknowledge", "known.yaml", "-o", "json")
    assert done.code == 2
    (portal,) = done.json["portals"]
    assert [each["kind"] for each in portal["findings"]] == ["unruled_grant", "backlog"]
    (apart,) = portal["acknowledged"]
    assert (apart["finding"], apart["reason"], apart["expires"]) == (found["withheld"], "agreed", "2999-12-31")
    acknowledge(*(f"finding: {found[kind]['fingerprint']}, reason: agreed" for kind in ("withheld", "unruled_grant")))
    done = club.run("drift", "--acknowledge", "known.yaml")
    assert done.code == 0
    assert done.out.startswith("partners: no drift; 2 acknowledged; 1 sign-up pending\n\n  Acknowledged\n")
    assert done.out.count('acknowledged: "agreed"') == 2


@pytest.mark.slow
def test_what_many_are_acknowledged_for_is_said_once(club: Bench) -> None:
    """A baseline of hundreds is no reason for hundreds of lines; neither is what remains of it later."""
    club.people(approved=[f"p{number}@x.org" for number in range(21)])
    found = club.run("drift", "-o", "json").json["portals"][0]["findings"]
    acknowledge(*(f"finding: {each['fingerprint']}, reason: was so" for each in found))
    text = club.run("drift", "--acknowledge", "known.yaml").out.splitlines()
    assert text[0] == "partners: no drift; 24 acknowledged"
    assert [" ".join(line.split()) for line in text[3:]] == [
        'known.yaml acknowledged: "was so"',
        "24 findings (--verbose lists them)",
    ]
    club.manifest("trusted_domains: [city.com, x.org]\n")
    later = club.run("drift", "--acknowledge", "known.yaml").out
    assert later.count("is no longer found") == 3
    assert "    19 more like this  (--verbose lists them)\n" in later


@pytest.mark.slow
def test_ended_and_unknown_ones_are_noted(club: Bench) -> None:
    ended = findings(club)["withheld"]["fingerprint"]
    acknowledge(f"finding: {ended}, reason: agreed, expires: 2020-01-01", "finding: f000000000000, reason: gone")
    done = club.run("drift", "--acknowledge", "known.yaml", "-o", "json")
    assert [(each["code"], each["line"]) for each in done.json["notices"]] == [
        ("acknowledgement_ended", 3),
        ("acknowledgement_unknown", 4),
    ]
    text = club.run("drift", "--acknowledge", "known.yaml").out
    assert (
        f"  ! the acknowledgement of {ended} expired after 2020-01-01; the finding counts again  known.yaml:3\n"
        in text
    )


def test_a_file_with_errors_ends_the_run_before_any_call(club: Bench) -> None:
    acknowledge("finding: x, reason: agreed")
    done = club.run("drift", "--acknowledge", "known.yaml")
    assert (done.code, done.out, club.reads) == (65, "", [])
    assert "known.yaml:3:15: 'x': expected the fingerprint of a finding" in done.err


def test_metrics_are_written_also_when_something_is_found(club: Bench) -> None:
    done = club.run("drift", "--metrics", "portalctl.prom")
    assert done.code == 2
    path = Path("portalctl.prom")
    assert S_IMODE(path.stat().st_mode) == 0o644
    read = parsed(path.read_text())
    assert read["portalctl_drift_findings", (("kind", "withheld"), HERE)] == 1
    assert read["portalctl_developers", (HERE, ("status", "pending"))] == 1
    assert read["portalctl_api_calls", (HERE,)] == len(club.sim.log)
    assert read["portalctl_throttles", ()] == 0
    assert list(Path.cwd().glob(".portalctl.prom*")) == []


@pytest.mark.slow
def test_pauses_that_the_portal_asked_for_are_counted(club: Bench) -> None:
    club.sim.inject(Fault("status", status=429, times=1, retry_after=1, plain=True))
    club.run("drift", "--metrics", "portalctl.prom")
    assert parsed(Path("portalctl.prom").read_text())["portalctl_throttles", ()] == 1


def test_a_run_that_failed_leaves_the_last_success_standing(club: Bench) -> None:
    Path("portalctl.prom").write_text("before\n")
    assert club.run("drift", "--metrics", "portalctl.prom", KONNECT_TOKEN="kpat_wrong").code == 1
    assert Path("portalctl.prom").read_text() == "before\n"


def test_a_file_that_cannot_be_written_is_told(club: Bench) -> None:
    done = club.run("drift", "--metrics", "none/portalctl.prom")
    assert (done.code, done.out) == (64, "")
    assert "--metrics none/portalctl.prom: No such file or directory: the folder none" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_nobody_is_named_where_addresses_are_masked(club: Bench, form: str) -> None:
    done = club.run("drift", "--mask-emails", "-o", form, PORTALCTL_MASK_KEY="k" * 16)
    assert done.code == 2
    assert Mask(b"k" * 16)("ann@city.com") in done.out
    assert "ann@" not in done.out + done.err


def test_the_override_to_paste_is_yaml_whatever_the_address(club: Bench) -> None:
    odd = "{a}&*b##!@city.com"
    club.people(revoked=[odd])
    out = club.run("drift").out
    pasted = [line.partition("keep:")[2].strip() for line in out.splitlines() if "keep:" in line]
    entries = [YAML(typ="safe").load(line)[0]["developer"] for line in pasted]
    assert sorted(entries) == sorted([odd, "ann@city.com"])


def test_many_findings_fold_and_are_counted_by_kind(bench: Bench) -> None:
    strangers = [f"p{number:02}@x.org" for number in range(30)]
    bench.people(approved=strangers, revoked=["ann@city.com"], pending=["new@city.com"])
    bench.manifest("trusted_domains: [city.com]\n")
    done = bench.run("drift")
    assert done.code == 2
    assert done.out.startswith("partners: 31 differences (30 unruled grants, 1 withheld); 1 sign-up pending\n")
    assert sum(address in done.out for address in strangers) == 20
    assert "10 more of this kind  (--verbose lists them)" in done.told
    assert 'accept:  portalctl acknowledge --kind unruled_grant --reason "…" --expires ' in done.told
    assert "keep:  - {developer: ann@city.com, status: revoked" in done.told
    assert sum(address in bench.run("drift", "--verbose").out for address in strangers) == 30
