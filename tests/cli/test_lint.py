"""`validate -W`: lint findings on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from portalctl.insight.lint import LINTS
from tests.conftest import HEAD, Bench, portalctl

RULES = """trusted_domains:
  - {domain: gmail.com, reason: Everyone, expires: 2020-01-31}
teams:
  - name: city
"""
FILE = "portals/partners.yaml"
TRAILER = "To fix a finding: portalctl docs findings#PC002"


@pytest.fixture
def _rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "portals").mkdir()
    (tmp_path / FILE).write_text(HEAD + RULES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_rules")
def test_warnings_go_to_stderr_and_change_no_exit_code(offline: None) -> None:  # noqa: ARG001
    done = portalctl("validate")
    assert done.code == 0
    assert done.err.splitlines() == [
        f"{FILE}:7:5: warning PC002: any user can get an address at gmail.com and would be approved",
        f"{FILE}:7:5: warning PC003: expired after 2020-01-31; the rule counts as absent",
        f"{FILE}:9:5: warning PC009: no rule uses team city",
        TRAILER,
    ]
    assert done.out.endswith("1 file is valid.\n")


@pytest.mark.usefixtures("_rules")
def test_errors_end_with_65_and_off_says_nothing() -> None:
    done = portalctl("validate", "-W", "PC002=error", "-W", "PC003=off", "-W", "PC009=error", "-W", "PC009=warning")
    assert (done.code, done.out) == (65, "")
    assert done.err.splitlines() == [
        f"{FILE}:9:5: warning PC009: no rule uses team city",
        TRAILER.replace("PC002", "PC009"),
        f"{FILE}:7:5: error PC002: any user can get an address at gmail.com and would be approved",
        "1 error. No portal was contacted.",
    ]


@pytest.mark.usefixtures("_rules")
def test_json_has_code_and_severity() -> None:
    done = portalctl("validate", "-o", "json", "-W", "PC003=off", "-W", "PC009=off")
    assert (done.code, done.json["valid"], done.json["files"]) == (0, True, [FILE])
    finding = done.json["findings"][0]
    assert {key: finding[key] for key in ("file", "line", "column", "code", "severity")} == {
        "file": FILE,
        "line": 7,
        "column": 5,
        "code": "PC002",
        "severity": "warning",
    }
    assert finding["remedy"] == LINTS["PC002"].remedy
    failed = portalctl("validate", "-o", "json", "-W", "PC003=error")
    assert (failed.code, failed.json["valid"]) == (65, False)


@pytest.mark.usefixtures("_rules")
def test_what_is_plainly_wrong_has_no_code() -> None:
    Path(FILE).write_text(HEAD + "trusted_domain: []\n", encoding="utf-8")
    done = portalctl("validate", "-o", "json")
    assert done.code == 65
    assert [(each["code"], each["severity"]) for each in done.json["findings"]] == [(None, "error")]


@pytest.mark.usefixtures("_rules")
def test_annotations_have_the_severity() -> None:
    github = portalctl("validate", "-o", "github", "-W", "PC002=error", "-W", "PC003=off")
    assert [line.split("::")[1] for line in github.out.splitlines()] == [
        f"error file={FILE},line=7,col=5,title=portalctl PC002",
        f"warning file={FILE},line=9,col=5,title=portalctl PC009",
    ]
    assert github.out.splitlines()[0].endswith(f"would be approved%0A{LINTS['PC002'].remedy}")
    gitlab = portalctl("validate", "-o", "gitlab", "-W", "PC002=error", "-W", "PC003=off")
    assert gitlab.json[0]["description"].endswith(f"would be approved; {LINTS['PC002'].remedy}")
    assert [(each["check_name"], each["severity"]) for each in gitlab.json] == [
        ("PC002", "critical"),
        ("PC009", "minor"),
    ]


@pytest.mark.wide(2)
@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("PC0002=off", "did you mean 'PC002'"),
        ("PC002=of", "did you mean 'off'"),
        ("PC002", "expected PC002=error|warning|off"),
    ],
)
def test_a_slip_in_it_is_wrong_usage(word: str, hint: str) -> None:
    done = portalctl("validate", "-W", word)
    assert (done.code, done.out) == (64, "")
    assert hint in done.err


def test_help_has_every_code_and_what_to_do() -> None:
    shown = portalctl("validate", "--help").out
    for code, each in LINTS.items():
        assert f"{code}  {each.about}" in shown
        assert f"         {each.remedy}\n" in shown


@pytest.mark.usefixtures("_rules")
def test_of_many_alike_the_first_are_shown_and_all_are_counted() -> None:
    teams = "".join(f"  - name: team {number}\n" for number in range(21))
    Path(FILE).write_text(HEAD + "trusted_domains: [{domain: gmail.com, reason: All}]\nteams:\n" + teams)
    lines = portalctl("validate").err.splitlines()
    assert [line.split(" warning ")[-1][:5] for line in lines[:-2]] == ["PC002", "PC009", "PC009", "PC009"]
    assert lines[-2:] == ["18 more of PC009  (--verbose lists them)", TRAILER]
    assert len(portalctl("validate", "-o", "json").json["findings"]) == 22
    assert portalctl("validate", "-W", "PC009=error").err.count("error PC009") == 21


def test_a_saved_reading_tells_of_rules_for_nobody(bench: Bench) -> None:
    bench.people(approved=["ann@arsenal.com"])
    bench.manifest("trusted_domains: [arsenal.com, chelsea.com]\n")
    assert bench.run("snapshot", "--out", "saved.json").code == 0
    done = bench.run("validate", "--snapshot", "saved.json")
    said = [
        f"{FILE}:6:32: warning PC007: no developer on the portal has an address at chelsea.com",
        TRAILER.replace("PC002", "PC007"),
    ]
    assert (done.code, done.err.splitlines()) == (0, said)
    bench.manifest("trusted_domains: [arsenal.com]\n", name="partners.yaml")
    Path(FILE).write_text(Path(FILE).read_text().replace("partners", "others"))
    assert bench.run("validate", "--snapshot", "saved.json").code == 3, "of another portal"
