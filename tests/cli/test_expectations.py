"""`test`: expectations kept beside the manifest, checked against the rules without a portal."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.conftest import HEAD, PORTAL_ID, Bench, Done, portalctl

RULES = """
trusted_domains:
  - {domain: city.example, teams: [city], reason: "Partner", expires: 2097-03-31}
denied_domains: [{domain: evil.example}]
directories: [{name: corp, kind: scim}]
trusted_groups: [{directory: corp, group: partners, teams: [city], authoritative_for: [corp.example]}]
teams:
  - {name: city}
  - {name: admins, members: [bob@city.example, lee@nowhere.example]}
  - {name: synced, membership: idp}
overrides:
  - {developer: out@city.example, status: revoked, reason: "Left"}
  - {developer: pat@agency.example, status: approved, teams: [], expires: 2097-01-31, reason: "Pilot"}
  - {developer: rob@city.example, status: pending, reason: "Being checked"}
  - {developer: pin@city.example, id: 7a4f25fa-310a-421d-bd1a-007f859021a3, status: approved, reason: "Two accounts"}
"""
API7 = """version: 1
portal: {name: fans, provider: api7, title: Fans}
trusted_domains: [fan.example]
overrides: [{developer: dev-1, status: approved, reason: "Pilot"}]
"""
# What the rules above yield, one of each kind.
TRUE = (
    "{developer: anna@city.example, is: approved, teams: [city], not_teams: [admins]}",
    "{developer: ANNA@City.Example, is: approved}",
    "{developer: anna@city.example, is: approved, on: 2097-03-31}",
    "{developer: anna@city.example, is: unmatched, teams: [], on: 2097-04-01}",
    "{developer: anna@sub.city.example, is: unmatched}",
    "{developer: bob@city.example, is: approved, teams: [city, admins]}",
    "{developer: lee@nowhere.example, is: listed, teams: [admins]}",
    "{developer: out@city.example, is: denied, teams: []}",
    "{developer: out+tag@city.example, is: revoked}",
    "{developer: pat@agency.example, is: approved, teams: [], on: 2097-01-31}",
    "{developer: pat@agency.example, is: unmatched, on: 2097-02-01}",
    "{developer: rob@city.example, is: pending}",
    "{developer: pin@city.example, is: blocked, not_teams: [city]}",
    "{developer: x@corp.example, is: approved, teams: [city], groups: [corp/partners]}",
    "{developer: x@corp.example, is: unmatched}",
    "{developer: x@corp.example, is: denied, live: approved}",
    "{domain: city.example, is: approved, teams: [city], not_teams: [admins]}",
    "{domain: evil.example, is: denied}",
    "{domain: other.example, is: unmatched}",
)
# Each is the negation of one above, with the rule that decided.
FALSE = (
    ("{developer: anna@city.example, is: unmatched}", "expected unmatched, found approved", "partners.yaml:8"),
    ("{developer: anna@city.example, teams: [admins]}", "expected in admins, found in city", "partners.yaml:8"),
    ("{developer: bob@city.example, not_teams: [admins]}", "expected not in admins", "partners.yaml:14"),
    ("{developer: bob@city.example, teams: []}", "expected in no team, found in admins, city", "partners.yaml:14"),
    ("{domain: evil.example, is: unmatched}", "expected unmatched, found denied", "partners.yaml:9"),
    ("{developer: out@city.example, is: rejected}", "expected rejected, found revoked", "partners.yaml:17"),
    ("{developer: x@corp.example, is: denied}", "expected denied, found unmatched", "built-in default"),
    ("{developer: anna@city.example, is: approved, on: 2098-01-01}", "(expired: portals/partners.yaml:8)", "default"),
    ("{developer: anna@city.example, teams: [synced]}", "the identity provider decides", "partners.yaml:8"),
    ("{developer: x@corp.example, is: unmatched, groups: [corp/partners]}", "found approved", "partners.yaml:11"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portals").mkdir()
    (tmp_path / "portals/partners.yaml").write_text(HEAD + RULES)
    return tmp_path


def write(path: Path, *entries: str, head: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"version: 1\n{head}expectations:\n" + "".join(f"  - {entry}\n" for entry in entries))


def run(folder: Path, *entries: str, head: str = "") -> Done:
    write(folder / "portals/access.test.yaml", *entries, head=head)
    return portalctl("test")


@pytest.mark.usefixtures("offline")
def test_what_the_rules_yield_passes(folder: Path) -> None:
    done = run(folder, *TRUE)
    assert (done.code, done.out, done.err) == (0, f"{len(TRUE)} expectations: {len(TRUE)} passed, 0 failed.\n", "")


def test_each_failed_expectation_has_its_place_and_the_rule_that_decided(folder: Path) -> None:
    done = run(folder, TRUE[0], *(entry for entry, _, _ in FALSE))
    assert done.code == 2
    assert done.out.splitlines()[-1] == f"{len(FALSE) + 1} expectations: 1 passed, {len(FALSE)} failed."
    failed = done.out.removeprefix("✗ ").split("\n✗ ")
    assert len(failed) == len(FALSE)
    for line, (text, (_, problem, rule)) in enumerate(zip(failed, FALSE, strict=True), 4):
        head, _, rules = text.partition("\n")
        assert head.startswith(f"portals/access.test.yaml:{line}:5: ")
        assert problem in head
        assert rule in rules


def test_the_groups_of_a_file_count_for_all_of_its_expectations(folder: Path) -> None:
    head = "groups:\n  corp/partners: [X@corp.example, y@other.example]\n"
    entries = (
        "{developer: x@corp.example, is: approved, live: approved}",
        "{developer: y@other.example, is: approved, teams: [city]}",
        "{developer: z@corp.example, is: denied, live: approved}",
    )
    done = run(folder, *entries, head=head)
    assert (done.code, done.out) == (0, "3 expectations: 3 passed, 0 failed.\n")


FAULTS = (
    ("{developer: anna@city.example, is: aproved}", "40: 'aproved': expected approved, denied,", "'approved'"),
    ("{developer: anna@city.example, not_teams: [admin]}", "48: 'admin': team not declared", "'admins'"),
    ("{developr: anna@city.example, is: approved}", "6: unknown key 'developr'", "'developer'"),
    ("{developer: anna, is: approved}", "17: 'anna': expected an e-mail address", "`@` is missing"),
    ("{domain: '@city.example', is: approved}", "14: '@city.example': expected a domain", "leave out the `@`"),
    ("{domain: a.example, developer: a@a.example, is: approved}", "5: write `developer` or `domain`", ""),
    ("{developer: anna@city.example}", "5: this expects nothing", "write `is`"),
    ("{developer: anna@city.example, is: approved, portal: partner}", "58: 'partner'", "'partners'"),
    ("{developer: anna@city.example, is: approved, on: 31.3.2097}", "54: '31.3.2097'", "'2097-03-31'"),
    ("{developer: anna@city.example, is: approved, groups: [corp/partner]}", "59: ", "'corp/partners'"),
    ("{developer: anna@city.example, status: approved}", "36: unknown key 'status'", "write 'is' instead"),
    ("{domain: city.example, is: approved, groups: [corp/partners]}", "42: `groups` goes with `developer`", ""),
    ("{developer: a@city.example, teams: [city], not_teams: [city]}", "60: 'city' is in `teams`, too", ""),
)


def test_an_invalid_file_tests_nothing(folder: Path) -> None:
    """Each fault is on the line of its entry, counted from 3."""
    done = run(folder, *(entry for entry, _, _ in FAULTS))
    assert (done.code, done.out) == (65, "")
    github = portalctl("test", "-o", "github")
    assert github.code == 65
    assert "::error file=portals/access.test.yaml,line=3,col=40,title=portalctl::'aproved'" in github.out
    for line, (entry, message, hint) in enumerate(FAULTS, 3):
        place = f"portals/access.test.yaml:{line}:{message}"
        found = [text for text in done.err.splitlines() if text.startswith(place)]
        assert len(found) == 1, (entry, done.err)
        assert hint in found[0]


def test_the_forms_name_the_same_failures(folder: Path) -> None:
    write(folder / "portals/access.test.yaml", TRUE[0], FALSE[2][0])
    found = portalctl("test", "-o", "json").json
    assert (found["kind"], found["passed"], found["failed"]) == ("test", 1, 1)
    failed = found["expectations"][1]
    assert failed["subject"] == "bob@city.example"
    assert (failed["file"], failed["line"], failed["column"]) == ("portals/access.test.yaml", 4, 5)
    assert failed["problems"] == ["expected not in admins"]
    assert {"portals/partners.yaml:8", "portals/partners.yaml:14"} == {
        f"{why['file']}:{why['line']}" for why in failed["why"]
    }
    github = portalctl("test", "-o", "github")
    assert github.code == 2
    assert github.out.startswith("::error file=portals/access.test.yaml,line=4,col=5,title=")
    assert github.out.count("\n") == 1
    suites = Xml.fromstring(portalctl("test", "-o", "junit").out)
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    (failure,) = suites.iter("failure")
    assert failure.get("message") == "expected not in admins"
    assert "portals/access.test.yaml:4:5" in str(failure.text)
    assert "portals/partners.yaml:14" in str(failure.text)
    for form in ("text", "json", "github", "junit", "markdown", "html"):
        masked = portalctl("test", "-o", form, "--mask-emails")
        assert "bob@city.example" not in masked.out
        assert masked.code == 2
    (folder / "test.json").write_text(json.dumps(found))
    assert portalctl("show", "test.json", "-o", "junit").out == portalctl("test", "-o", "junit").out


def test_text_from_outside_stays_inert_in_junit(folder: Path) -> None:
    manifest = folder / "portals/partners.yaml"
    manifest.write_text(manifest.read_text().replace('"Left"', r'"<b>]]>&\uFFFE\u202E##[x] ::y::"'))
    done = run(folder, FALSE[5][0])
    assert "##[" not in done.out
    suites = Xml.fromstring(portalctl("test", "-o", "junit").out)
    assert len(list(suites.iter("failure"))) == 1


def test_expectations_are_no_part_of_the_manifest(folder: Path) -> None:
    before = portalctl("list", "portals", "-o", "json").out
    run(folder, *TRUE)
    assert portalctl("list", "portals", "-o", "json").out == before
    assert portalctl("validate").out.endswith("1 file is valid.\n")
    assert portalctl("fmt", "portals/access.test.yaml").code == 0
    assert portalctl("test").code == 0, "formatting keeps what is expected"
    write(folder / "portals/access.test.yaml", FAULTS[0][0], FAULTS[1][0])
    assert portalctl("explain", "anna@city.example", "--offline").code == 0, "it stops no other command"
    done = portalctl("validate")
    assert done.code == 65
    assert "'aproved'" in done.err
    assert "'admins'" in done.err
    denial = "denied_domains: [{domain: mailinator.com}]\n"
    with (folder / "portals/access.test.yaml").open("a") as file:
        file.write(denial)
    done = portalctl("validate")
    assert done.code == 65, "a rule in a file of expectations has no effect, so it is an error"
    assert "unknown key 'denied_domains'" in done.err


def test_files_are_found_in_folders_and_beside_a_manifest_file(folder: Path) -> None:
    done = portalctl("test")
    assert done.code == 64
    assert "no file of expectations in portals" in done.err
    write(folder / "portals/any-name.yaml", TRUE[0])
    write(folder / "tests/access.yaml", TRUE[0], TRUE[1])
    (folder / "tests/other.yaml").write_text("jobs: {}\n")
    assert portalctl("test").out.startswith("1 expectation: ")
    assert portalctl("test", "tests/access.yaml").out.startswith("2 expectations: ")
    assert portalctl("test", "tests", "portals").out.startswith("3 expectations: ")
    (folder / "portal.yaml").write_text(HEAD + RULES)
    write(folder / "portal.test.yaml", *TRUE[:3])
    assert portalctl("test", "-f", "portal.yaml").out.startswith("3 expectations: ")
    assert portalctl("test", "-f", "portals", "-f", "portal.test.yaml").out.startswith("4 expectations: ")
    wrong = portalctl("test", "portals/partners.yaml")
    assert (wrong.code, wrong.out) == (65, "")
    assert "portals/partners.yaml:1:1: this is a manifest file" in wrong.err
    assert portalctl("test", "nowhere.yaml").code == 65
    (folder / "list.yaml").write_text(f"- {TRUE[0]}\n")
    assert "write the entries below `expectations:`" in portalctl("test", "list.yaml").err


def test_with_several_portals_each_expectation_names_its_portal(folder: Path) -> None:
    (folder / "portals/fans.yaml").write_text(API7)
    done = run(folder, TRUE[0])
    assert done.code == 65
    assert "access.test.yaml:3:5: the manifest has 2 portals; write `portal:` with one of: fans, partners" in done.err
    entries = (
        "{portal: partners, developer: anna@city.example, is: approved}",
        "{portal: fans, developer: anna@city.example, is: unmatched}",
        "{portal: fans, developer: a@fan.example, is: approved}",
        "{portal: fans, developer: a@fan.example, email_verified: false, is: blocked}",
        "{portal: fans, developer: dev-1, is: approved}",
        "{portal: fans, developer: dev-2, is: unmatched}",
    )
    assert run(folder, *entries).out == "6 expectations: 6 passed, 0 failed.\n"
    assert portalctl("test", "--portal", "fans").out == "5 expectations: 5 passed, 0 failed.\n"
    assert portalctl("test", "--portal", "fan").code == 64


def test_answers_to_the_sign_up_form_lead_to_teams(folder: Path) -> None:
    manifest = folder / "portals/partners.yaml"
    manifest.write_text(
        HEAD
        + """
trusted_domains:
  - domain: city.example
    teams_by: {field: department, map: {payments: [payments], core: [core]}, otherwise: [rest]}
teams:
  - {name: payments, self_service: true}
  - {name: core, self_service: true}
  - {name: rest, self_service: true}
"""
    )
    entries = (
        "{developer: a@city.example, teams: [payments], not_teams: [rest, core], answers: {department: payments}}",
        "{developer: a@city.example, teams: [payments, core], answers: {department: [payments, core]}}",
        "{domain: city.example, teams: [rest], not_teams: [payments], answers: {department: other}}",
        "{developer: a@city.example, teams: [rest]}",
        "{developer: a@other.example, is: unmatched, teams: [], answers: {department: payments}}",
    )
    assert run(folder, *entries).out == "5 expectations: 5 passed, 0 failed.\n"
    assert portalctl("fmt", "portals/access.test.yaml").code == 0
    assert portalctl("test").code == 0
    failed = run(folder, "{developer: a@city.example, teams: [core], answers: {department: payments}}")
    assert "expected in core, found in payments" in failed.out
    wrong = run(folder, "{developer: a@city.example, is: approved, answers: {departmnt: core}}")
    assert wrong.code == 65
    assert "3:57: 'departmnt': no `teams_by` maps this field; did you mean 'department'?" in wrong.err


def test_the_plan_agrees(bench: Bench) -> None:
    """The decisions are those that a plan is made from."""
    rules = RULES.replace("directories:", "# directories:").replace("trusted_groups:", "# trusted_groups:")
    bench.manifest(rules)
    bench.people(pending=["anna@city.example", "out@city.example", "lee@nowhere.example", "s@evil.example"])
    changes = bench.run("plan", "-o", "json").json["portals"][0]["changes"]
    status = {change["developer"]["email"]: change["op"] for change in changes if change["developer"]}
    assert status == {"anna@city.example": "approve", "out@city.example": "revoke", "s@evil.example": "reject"}
    entries = ("{developer: s@evil.example, is: denied}", TRUE[0], TRUE[6], TRUE[7])
    write(bench.folder / "access.test.yaml", *entries)
    assert portalctl("test").out == "4 expectations: 4 passed, 0 failed.\n"
    assert PORTAL_ID in (bench.folder / "partners.yaml").read_text()
