"""What a job on GitHub or GitLab is told: annotations, outputs, summary, and files that it reads by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portalctl.changes.operation import Subject
from portalctl.changes.operations import Change
from portalctl.changes.plan import Notice
from portalctl.changes.plan_document import masked_digest
from portalctl.errors import Finding, Position
from portalctl.events import Result
from portalctl.insight.drift import DriftFinding
from portalctl.output.apply_report import RESULTS, ChangeResult, PortalOutcome, Report, RunUser
from portalctl.output.documents import to_json, validation
from portalctl.output.github_annotations import Annotation, command, most_severe
from portalctl.output.gitlab_reports import terraform_json, validation_code_quality
from portalctl.output.markdown.report import report_markdown
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask
from portalctl.output.size_limit import size
from tests.changes.build import whole_plan
from tests.conftest import portalctl
from tests.integrations.conftest import EVERYDAY, Job
from tests.output.hostile import HOSTILE
from tests.output.plans import refused
from tests.output.reading import rendered
from tests.plan_json import with_fields

COMMAND = re.compile(r"::(error|warning) ([^:]*)::([^\r\n]*)")


def reported(changes: Iterable[Change], *results: Result) -> Report:
    """A report of an apply in which the changes ended so, in turn."""
    outcomes = tuple(
        ChangeResult(
            change.id, change.op, change.op_class, change.developer, change.team, change.before, change.after,
            change.why, results[index % len(results)], False, "PATCH answered 400", None, None, None, None,
        )
        for index, change in enumerate(changes)
    )  # fmt: skip
    counts: dict[str, int] = {result: sum(each.result == result for each in outcomes) for result in RESULTS}
    done = PortalOutcome(
        "partners", "konnect", "id", "https://x.example", "t", "t", {**counts, "total": len(outcomes)}, outcomes
    )
    stamp = whole_plan(EVERYDAY).manifest
    return Report(
        generator="portalctl 0.0",
        started_at="t",
        ended_at="t",
        interrupted=False,
        who=RunUser("ann"),
        manifest=stamp,
        plan="sha256:aa",
        portals=(done,),
    )


def test_the_worst_ten_are_refusals_then_removals_then_warnings() -> None:
    many = tuple(Notice("code", "warning", f"look at {number}", file="p.yaml", line=number) for number in range(20))
    shown = most_severe(whole_plan(refused(replace(EVERYDAY, notices=many))))
    assert [each.level for each in shown] == ["error"] * 2 + ["warning"] * 8
    assert [each.title for each in shown[2:4]] == ["partners: access removed"] * 2
    assert "peter@arsenal.com: approved → revoked, leaves gunners" in [each.message for each in shown]
    assert shown[-1].file == "p.yaml"


def test_a_removal_by_the_change_under_review_stands_before_those_that_were_pending() -> None:
    *others, last = (each for each in EVERYDAY.changes if each.loses)
    marked = [*(replace(each, origin="pending") for each in others), replace(last, origin="change")]
    shown = most_severe(whole_plan(replace(EVERYDAY, changes=tuple(marked), notices=())))
    assert "(from this change)" in shown[0].message
    assert all("(not from this change)" in each.message for each in shown[1:])


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "text", ["\n::error::x", "##[error]x", "a,b:c%0A::warning::x", "\u202e\x1b[31m", *HOSTILE[:5]]
)
def test_nothing_starts_a_command_of_its_own(text: str) -> None:
    line = command(Annotation("warning", text, f"{text}\n{text}", text, 3))
    found = COMMAND.fullmatch(line)
    assert found is not None
    properties = dict(each.split("=", 1) for each in found[2].split(","))
    assert set(properties) == {"file", "line", "title"}
    assert "##[" not in line
    assert line.isprintable()


def test_outputs_are_those_of_the_plan(job: Job) -> None:
    path = job.plan(EVERYDAY)
    (job.folder / "summary.md").write_text("Of an earlier command.\n")
    done = job.run(path)
    assert done.code == 0
    assert job.summary.startswith("Of an earlier command.\n## Portal access")
    plan = json.loads(Path(path).read_text())
    assert job.summary.count(job.outputs["digest"]) == 1
    assert job.outputs == {
        "has-changes": "true",
        "refused": "false",
        "digest": masked_digest(b"a key of 16 bytes", plan["digest"]),
        "gains": "4",
        "removals": "2",
        "mails": str(EVERYDAY.summary["mails"]),
        "writes": str(len(EVERYDAY.changes)),
        "plan-file": path,
    }
    delimiters = re.findall(r"<<(\w{32})$", (job.folder / "output").read_text(), re.MULTILINE)
    assert len(set(delimiters)) == 8
    assert all(COMMAND.fullmatch(line) for line in done.out.splitlines())


def test_a_report_is_told_without_a_token(job: Job) -> None:
    report = reported(EVERYDAY.changes, "confirmed", "failed", "unknown")
    path = job.folder / "report.json"
    path.write_text(to_json(report))
    done = job.run(str(path), GITHUB_TOKEN="")
    assert done.code == 0
    assert {key: job.outputs[key] for key in ("failed", "interrupted")} == {"failed": "6", "interrupted": "false"}
    assert "not everything was applied" in job.summary
    assert len(done.out.splitlines()) == 10
    assert "peter" not in done.out + job.summary
    assert job.github.calls == []


@pytest.mark.slow
def test_a_report_shows_what_is_missing_first_and_has_room_for_any_apply() -> None:
    report = reported(EVERYDAY.changes, "confirmed", "skipped", "unknown", "failed")
    shown = report_markdown(report)
    places = [shown.index(word) for word in ("| failed", "| unknown", "| skipped", "<details><summary>Confirmed: ")]
    assert places == sorted(places)
    large = report_markdown(reported(EVERYDAY.changes * 100, "confirmed", "failed"))
    assert 50_000 < size(large) <= 60_000
    assert large.count("| failed") > 100
    assert "| confirmed" not in large
    assert "nothing to apply" in report_markdown(replace(report, portals=()))


def test_nobody_is_named_in_a_masked_report() -> None:
    odd = with_fields(
        EVERYDAY.changes[-1], id="x:strange one@city.com", developer=Subject("strange one@city.com", "odd")
    )
    report = masked(reported([*EVERYDAY.changes, odd], "failed"), Mask(b"key"))
    assert not re.search("peter@|strange|p00@", to_json(report) + report_markdown(report))
    found = DriftFinding("withheld", "strange one@city.com", None, "revoked", "approved", None)
    assert "strange" not in str(masked(found, Mask(b"key")))


def test_what_strangers_typed_does_nothing_in_a_report() -> None:
    changes = [
        with_fields(change, developer=Subject(text, f"id-{text}"), team=text)
        for change, text in zip(EVERYDAY.changes * len(HOSTILE), HOSTILE, strict=False)
    ]
    report = reported(changes, "failed")
    outcomes = tuple(
        replace(each, detail=text) for each, text in zip(report.portals[0].changes, HOSTILE, strict=True)
    )
    seen = rendered(report_markdown(replace(report, portals=(replace(report.portals[0], changes=outcomes),))))
    assert seen.tags <= {
        "h2",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "sub",
        "strong",
        "details",
        "summary",
    }
    assert not [text for text in seen.loose if "@" in text or "#1" in text]


def test_gitlab_counts_what_gives_what_changes_and_what_takes() -> None:
    counts = json.loads(terraform_json(whole_plan(EVERYDAY)))
    assert counts == {"create": 12, "update": 2, "delete": 3}
    assert sum(counts.values()) == len(EVERYDAY.changes)


def test_gitlab_knows_a_finding_again_when_it_has_moved() -> None:
    found = [Finding(Position("p.yaml", line, 3), "unknown key") for line in (4, 9)]
    moved = [Finding(Position("p.yaml", line + 7, 3), "unknown key") for line in (4, 9)]
    prints = [
        [each["fingerprint"] for each in json.loads(validation_code_quality(validation((), these)))]
        for these in (found, moved)
    ]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2


@pytest.mark.usefixtures("offline")
def test_validate_speaks_the_language_of_each_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portal.yaml").write_text("version: 1\nportal: {name: a, provider: konnect, title: A}\nnonsense: 1\n")
    done = portalctl("validate", "-o", "github")
    assert done.code == 65
    assert done.out.startswith("::error file=portal.yaml,line=3,col=1,title=portalctl::unknown key")
    done = portalctl("validate", "-o", "gitlab")
    assert done.code == 65
    (found,) = done.json
    assert found["location"] == {"path": "portal.yaml", "lines": {"begin": 3}}
    assert found["severity"] == "critical"
    Path("portal.yaml").write_text("version: 1\nportal: {name: a, provider: konnect, title: A}\n")
    assert portalctl("validate", "-o", "github").out == ""
    assert portalctl("validate", "-o", "gitlab").json == []


def test_gitlab_is_told_for_later_jobs(job: Job) -> None:
    path = job.plan(EVERYDAY)
    done = portalctl("ci", "gitlab", path, "--dotenv", str(job.folder / "portalctl.env"))
    assert (done.code, done.out) == (0, "")
    lines = (job.folder / "portalctl.env").read_text().splitlines()
    told: dict[str, Any] = dict(line.split("=", 1) for line in lines)
    assert told["PORTALCTL_DIGEST"] == json.loads(Path(path).read_text())["digest"]
    assert (told["PORTALCTL_HAS_CHANGES"], told["PORTALCTL_REMOVALS"]) == ("true", "2")
    assert portalctl("ci", "gitlab", path, "--dotenv", "/nowhere/x").code == 64
