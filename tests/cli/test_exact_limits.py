"""Controls at their exact limits, through the command line: one more than allowed, and exactly as much as allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")

LABEL = "a" * 63
ROOT = "version: 1\nportal: {name: partners, provider: konnect, title: Partners}\n"

# The longest names that there may be: RFC 1035 (a label 63, a domain 253) and RFC 5321 (a local part 64, a path 254).
DOMAIN_253 = ".".join([LABEL, LABEL, LABEL, "b" * 57 + ".com"])
DOMAIN_254 = ".".join([LABEL, LABEL, LABEL, "b" * 58 + ".com"])
ADDRESS_254 = "l" * 64 + "@" + ".".join([LABEL, LABEL, "b" * 57 + ".com"])
ADDRESS_255 = "l" * 64 + "@" + ".".join([LABEL, LABEL, "b" * 58 + ".com"])
IDN_253 = ".".join(["xn--bcher-kva"] * 17 + ["x" * 11 + ".com"])


@pytest.mark.parametrize(
    ("rules", "valid"),
    [
        (f"trusted_domains: [{DOMAIN_253}]", True),
        (f"trusted_domains: [{DOMAIN_254}]", False),
        (f"denied_domains: [{DOMAIN_253}]", True),
        (f"denied_domains: [{DOMAIN_254}]", False),
        (f"trusted_domains: [{IDN_253}]", True),
        (f"trusted_domains: [x{IDN_253}]", False),
        (f"trusted_domains: [{LABEL}.com]", True),
        (f"trusted_domains: [a{LABEL}.com]", False),
        (f"protected: [{'l' * 64}@x.example]", True),
        (f"protected: [{'l' * 65}@x.example]", False),
        (f"protected: ['{ADDRESS_254}']", True),
        (f"protected: ['{ADDRESS_255}']", False),
        (f"overrides: [{{developer: '{ADDRESS_254}', status: revoked, reason: r}}]", True),
        (f"overrides: [{{developer: '{ADDRESS_255}', status: revoked, reason: r}}]", False),
        ("policy: {limits: {removals_percent: 100, team_percent: 100}}", True),
        ("policy: {limits: {removals_percent: 101}}", False),
        ("policy: {limits: {team_percent: 101}}", False),
        ("policy: {limits: {removals: 0, removals_percent: 0, team_percent: 0}}", True),
        ("policy: {limits: {removals: -1}}", False),
        ("policy: {limits: {removals_percent: -1}}", False),
        ("policy: {limits: {team_percent: -1}}", False),
    ],
)
def test_a_value_may_be_as_long_or_large_as_the_limit(tmp_path: Path, rules: str, valid: bool) -> None:
    file = tmp_path / "partners.yaml"
    file.write_text(f"{ROOT}{rules}\n", encoding="utf-8")
    done = portalctl("validate", "-f", str(file))
    assert done.code == (0 if valid else 65), done.err


def test_the_constants_above_are_as_long_as_they_say() -> None:
    assert [len(text) for text in (DOMAIN_253, DOMAIN_254, IDN_253)] == [253, 254, 253]
    assert [len(text) for text in (ADDRESS_254, ADDRESS_255)] == [254, 255]


def refusals(bench: Bench) -> list[str]:
    """Return what `plan` refuses; `apply` has to refuse the same and to write nothing."""
    plan = bench.run("plan", "-o", "json", "--allow-delete")
    refused = [refusal["code"] for refusal in plan.json["portals"][0]["refusals"]]
    assert plan.code == (3 if refused else 0), plan.err
    if refused:
        assert bench.run("apply", "--yes", "--allow-delete").code == 3
        assert bench.writes == []
    return refused


@pytest.mark.parametrize(("stay", "refused"), [(900, []), (899, ["removals_percent"])])
def test_the_share_of_removals_is_exact_to_a_developer(bench: Bench, stay: int, refused: list[str]) -> None:
    """100 of 1,000 approved developers are 10 %; 100 of 999 are more."""
    bench.people(approved=[f"p{n}@bad.example" for n in range(100)] + [f"p{n}@x.example" for n in range(stay)])
    limits = "{removals: 1000, removals_percent: 10}"
    bench.manifest(f"policy: {{limits: {limits}}}\ndenied_domains: [bad.example]\ntrusted_domains: [x.example]\n")
    assert refusals(bench) == refused


@pytest.mark.parametrize(("stay", "refused"), [(90, []), (89, ["team_percent"])])
def test_the_share_of_a_team_is_exact_to_a_member(bench: Bench, stay: int, refused: list[str]) -> None:
    """10 of 100 members are 10 %; 10 of 99 are more."""
    members = [f"p{n}@x.example" for n in range(10 + stay)]
    bench.people(approved=members)
    bench.team("reds", *members)
    bench.manifest(
        "policy: {limits: {removals: 1000, removals_percent: 100, team_percent: 10}}\n"
        f"teams: [{{name: reds, membership: exclusive, members: [{', '.join(members[10:])}]}}]\n"
    )
    assert refusals(bench) == refused


DELETING = "policy: {allow_delete: true, limits: {removals: 100, removals_percent: 100, team_percent: 50}}\n"


@pytest.mark.parametrize(("deleted", "refused"), [(2, []), (3, ["team_percent"])])
def test_a_deleted_member_counts_as_lost_to_the_team(bench: Bench, deleted: int, refused: list[str]) -> None:
    members = [f"p{n}@x.example" for n in range(4)]
    bench.people(approved=members)
    bench.team("reds", *members)
    overrides = [f"{{developer: {who}, status: absent, reason: r}}" for who in members[:deleted]]
    bench.manifest(f"{DELETING}teams: [{{name: reds, members: []}}]\noverrides: [{', '.join(overrides)}]\n")
    assert refusals(bench) == refused


def test_other_changes_of_members_and_other_deletions_are_no_loss_to_a_team(bench: Bench) -> None:
    """Four members are approved or have registrations revoked, and three accounts outside the team are deleted."""
    members, others = [f"p{n}@x.example" for n in range(4)], [f"p{n}@y.example" for n in range(3)]
    bench.people(pending=members, approved=others)
    bench.team("reds", *members)
    bench.team("blues")
    overrides = [f"{{developer: {who}, status: absent, reason: r}}" for who in others]
    bench.manifest(
        f"{DELETING}trusted_domains: [{{domain: x.example, teams: [reds, blues]}}]\n"
        f"teams: [{{name: reds, members: []}}, {{name: blues}}]\noverrides: [{', '.join(overrides)}]\n"
    )
    assert refusals(bench) == []


@pytest.mark.parametrize(("invite", "awaited", "ops"), [("", 1, []), (", invite: true", 0, ["create_developer"])])
def test_an_invited_developer_is_created_and_not_awaited(
    bench: Bench, invite: str, awaited: int, ops: list[str]
) -> None:
    bench.manifest(f"overrides: [{{developer: new@x.example, status: approved, reason: r{invite}}}]\n")
    portal = bench.run("plan", "-o", "json").json["portals"][0]
    assert portal["summary"]["awaited"] == awaited
    assert [change["op"] for change in portal["changes"]] == ops


@pytest.mark.parametrize("rule", ["overrides: [{developer: a@x.example, teams: [blues], reason: r}]", ""])
def test_a_team_that_exists_twice_is_refused_whatever_else_changes(bench: Bench, rule: str) -> None:
    """Neither of the two `reds` is read or written, although rules name them; nor is any other team."""
    bench.people(approved=["a@x.example", "b@x.example"])
    bench.team("reds", "a@x.example")
    bench.team("reds", "b@x.example")
    bench.team("blues")
    bench.manifest(
        "trusted_domains: [{domain: x.example, teams: [reds, blues]}]\n"
        f"teams: [{{name: reds, membership: exclusive}}, {{name: blues, members: [a@x.example]}}]\n{rule}\n"
    )
    assert refusals(bench) == ["ambiguous_team"]
    plan = bench.run("plan", "-o", "json").json["portals"][0]
    assert {change.get("team") for change in plan["changes"]} <= {"blues"}
