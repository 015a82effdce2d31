"""The brake through the command line: one below each limit, at it and one above, for every way of losing something.

A new kind of removal is one more entry in KINDS, with the rules that make `x.example` lose it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from tests.conftest import PORTAL_ID, Bench

pytestmark = pytest.mark.usefixtures("quick")

TODAY = datetime.now(UTC).date()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
TRUST = "trusted_domains: [{domain: stay.example}]\n"

# By what rules people lose something. Text with WHO is repeated for each of them.
KINDS: dict[str, tuple[str, str, str]] = {  # before, for each, after
    "revoke": ("denied_domains: [{domain: x.example}]", "", ""),
    "reject": ("overrides:", "\n  - {developer: WHO, status: rejected, reason: r}", ""),
    "reopen": ("overrides:", "\n  - {developer: WHO, status: pending, reason: r}", ""),
    "expire": (f"trusted_domains: [{{domain: x.example, expires: {YESTERDAY}}}]", "", ""),
    "delete": (
        "teams: [{name: reds, members: []}]\noverrides:",
        "\n  - {developer: WHO, status: absent, reason: r}",
        "",
    ),
    "unmatched": (TRUST, "", ""),
    "exclusive": (TRUST.replace("}", ", teams: [reds]}"), "", "teams: [{name: reds, membership: exclusive}]"),
    "own list": ("teams: [{name: reds}]\noverrides:", "\n  - {developer: WHO, teams: [], reason: r}", ""),
    "member expired": (
        "teams:\n  - name: reds\n    members:",
        f"\n      - {{developer: WHO, expires: {YESTERDAY}}}",
        "",
    ),
}
FROM_TEAM = ("delete", "exclusive", "own list", "member expired")
LOOSE = {"removals": 1000, "removals_percent": 100, "team_percent": 100}


def fill(bench: Bench, kind: str, leave: int, stay: int) -> None:
    """`leave` approved people who lose something by `kind`, and `stay` who don't; in team `reds` if it needs one."""
    leavers = [f"p{number}@x.example" for number in range(leave)]
    others = [f"p{number}@stay.example" for number in range(stay)]
    bench.people(approved=[*leavers, *others], pending=["new@stay.example"], revoked=["old@stay.example"])
    if kind in FROM_TEAM:
        bench.team("reds", *leavers, *others)


def rules(kind: str, leave: int, **limits: object) -> str:
    before, each, after = KINDS[kind]
    people = "".join(each.replace("WHO", f"p{number}@x.example") for number in range(max(leave, 1)))
    unmatched = "  unmatched: {approved: revoked}\n" if kind == "unmatched" else ""
    shown = ", ".join(f"{name}: {value}" for name, value in limits.items())
    return f"policy:\n  allow_delete: true\n  limits: {{{shown}}}\n{unmatched}{before}{people}\n{after}\n"


def codes(bench: Bench, *words: str) -> list[str]:
    """What `plan` refuses; `apply` must refuse it too, and write nothing."""
    words += ("--allow-delete",)
    plan = bench.run("plan", "-o", "json", *words)
    refused = [refusal["code"] for refusal in plan.json["portals"][0]["refusals"]]
    assert plan.code == (3 if refused else 0), plan.err
    if refused:
        done = bench.run("apply", "--yes", *words)
        assert done.code == 3
        assert "Refused: no changes will be made to partners." in done.out
    assert bench.writes == []
    return refused


def removals(bench: Bench) -> int:
    count: int = bench.run("plan", "-o", "json").json["portals"][0]["summary"]["removals"]
    return count


# limits, how many lose something, how many don't, what is refused
LIMITS: list[tuple[dict[str, object], int, int, list[str]]] = [
    ({"removals": 3}, 2, 0, []),
    ({"removals": 3}, 3, 0, []),
    ({"removals": 3}, 4, 0, ["removals"]),
    ({"removals": 0}, 0, 3, []),
    ({"removals": 0}, 1, 3, ["removals"]),
    ({"removals_percent": 50}, 5, 6, []),
    ({"removals_percent": 50}, 5, 5, []),
    ({"removals_percent": 50}, 6, 5, ["removals_percent"]),
    ({"removals_percent": 0}, 4, 0, []),  # fewer than five: a share says nothing
    ({"removals_percent": 0}, 5, 0, ["removals_percent"]),
    ({"removals": 4, "removals_percent": 50}, 5, 4, ["removals", "removals_percent"]),
]
TEAM_LIMITS: list[tuple[dict[str, object], int, int, list[str]]] = [
    ({"team_percent": 50}, 2, 2, []),
    ({"team_percent": 50}, 3, 1, ["team_percent"]),
    ({"team_percent": 50}, 3, 0, []),  # fewer than four: a share says nothing
    ({"team_percent": 0}, 1, 2, []),
    ({"team_percent": 0}, 1, 3, ["team_percent"]),
    (
        {"removals": 4, "removals_percent": 50, "team_percent": 50},
        5,
        4,
        ["removals", "removals_percent", "team_percent"],
    ),
]
QUICK = [("revoke", LIMITS[2]), ("revoke", LIMITS[7]), ("exclusive", TEAM_LIMITS[5])]


def cases() -> list[Any]:
    return [
        pytest.param(
            kind,
            case,
            id=f"{kind}: {case[1]} of {case[1] + case[2]}, {case[0]}",
            marks=[] if (kind, case) in QUICK else [pytest.mark.slow],
        )
        for kind, case in [*product(KINDS, LIMITS), *product(FROM_TEAM, TEAM_LIMITS)]
    ]


@pytest.mark.parametrize(("kind", "case"), cases())
def test_each_kind_of_removal_at_each_limit(
    bench: Bench, kind: str, case: tuple[dict[str, object], int, int, list[str]]
) -> None:
    limits, leave, stay, refused = case
    fill(bench, kind, leave, stay)
    bench.manifest(rules(kind, leave, **(LOOSE | limits)))
    assert codes(bench) == refused


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_allowance_of_one_run_stands_in_for_all_limits(bench: Bench, kind: str) -> None:
    fill(bench, kind, 5, 4)
    bench.manifest(rules(kind, 5, removals=4, removals_percent=0, team_percent=0))
    assert codes(bench, "--allow-removals", "4") == ["removals"]
    assert codes(bench, "--allow-removals", "5") == []
    assert bench.run("apply", "--yes", "--allow-delete", "--allow-removals", "5").code == 0
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_the_allowance_also_lowers_what_the_manifest_allows(bench: Bench) -> None:
    fill(bench, "revoke", 3, 0)
    bench.manifest(rules("revoke", 3, **LOOSE))
    assert codes(bench, "--allow-removals", "2") == ["removals"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("until", "refused"), [(TOMORROW, []), (YESTERDAY, ["removals", "removals_percent"])])
def test_past_their_last_day_limits_are_the_defaults_again(
    bench: Bench, kind: str, until: object, refused: list[str]
) -> None:
    fill(bench, kind, 11, 20)
    bench.manifest(rules(kind, 11, **LOOSE, expires=until))
    assert codes(bench) == refused


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leave", "stay", "refused"),
    [
        (10, 90, []),
        (10, 89, ["removals_percent"]),
        (11, 99, ["removals"]),
        (4, 0, []),
        (5, 0, ["removals_percent"]),
        (0, 0, []),
    ],
)
def test_the_defaults_are_ten_people_and_a_tenth(bench: Bench, leave: int, stay: int, refused: list[str]) -> None:
    fill(bench, "revoke", leave, stay)
    bench.manifest("denied_domains: [{domain: x.example}]\n")
    assert codes(bench) == refused


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_portal_and_one_with_a_single_person_work(bench: Bench, kind: str) -> None:
    bench.manifest(rules(kind, 1, **LOOSE))
    assert codes(bench) == []
    fill(bench, kind, 1, 0)
    assert removals(bench) == 1
    assert codes(bench) == []
    assert bench.run("apply", "--yes", "--allow-delete").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_protected_stops_every_kind_of_removal(bench: Bench, kind: str) -> None:
    fill(bench, kind, 2, 2)
    bench.manifest(rules(kind, 2, **LOOSE) + "protected: [p1@x.example, p1@stay.example]\n")
    plan = bench.run("plan", "-o", "json", "--allow-delete", "--allow-removals", "2")
    refusals = plan.json["portals"][0]["refusals"]
    assert [(each["code"], each["developer"]) for each in refusals] == [("protected", "p1@x.example")]
    assert codes(bench, "--allow-removals", "2") == ["protected"]


@pytest.mark.slow
@pytest.mark.parametrize(("leave", "refused"), [(4, ["removals"]), (2, []), (3, [])])
def test_who_only_loses_registrations_loses_something(bench: Bench, leave: int, refused: list[str]) -> None:
    """They are out already, and their applications go on: one person each, however many those are."""
    leavers = [f"p{number}@x.example" for number in range(leave)]
    bench.people(revoked=leavers, approved=[f"p{number}@stay.example" for number in range(40)])
    for who in leavers:
        app = bench.sim.store.add_application(PORTAL_ID, "App", bench.emails[who])
        bench.sim.store.add_registration(app, "Orders")
        bench.sim.store.add_registration(app, "Scores")
    bench.manifest(
        "policy: {on_revoke: revoke_registrations, limits: {removals: 3}}\ndenied_domains: [{domain: x.example}]\n"
    )
    assert removals(bench) == leave
    assert codes(bench) == refused


@pytest.mark.slow
def test_thirty_denied_sign_ups_do_not_stop_a_partner_s_onboarding(bench: Bench) -> None:
    junk = [f"p{number}@junk.example" for number in range(30)]
    bench.people(pending=[*junk, "ann@stay.example"])
    limits = "policy: {limits: {removals: 0, removals_percent: 0}}\n"
    bench.manifest(f"{limits}{TRUST}denied_domains: [{{domain: junk.example}}]\n")
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert bench.status("ann@stay.example") == "approved"
    assert {bench.status(each) for each in junk} == {"rejected"}


def test_people_are_counted_however_they_are_spelt_and_whatever_they_lose(bench: Bench) -> None:
    """A second registration doesn't save a leaver; who loses approval and two teams is one person."""
    bench.people(approved=["leaver@stay.example", "Leaver+2@Stay.Example", "ann@stay.example"])
    for name in ("reds", "blues"):
        bench.team(name, "leaver@stay.example", "ann@stay.example")
    teams = "".join(
        f"  - {{name: {name}, membership: exclusive, members: [ann@stay.example]}}\n" for name in ("reds", "blues")
    )
    override = "overrides: [{developer: leaver@stay.example, status: revoked, reason: r}]\n"
    bench.manifest(f"policy: {{limits: {{removals: 1}}}}\n{TRUST}teams:\n{teams}{override}")
    assert removals(bench) == 2
    assert codes(bench) == ["removals"]
    assert bench.run("apply", "--yes", "--allow-removals", "2").code == 0
    assert (bench.status("leaver@stay.example"), bench.status("Leaver+2@Stay.Example")) == ("revoked", "revoked")
    assert bench.members("reds") == bench.members("blues") == {"ann@stay.example"}


@pytest.mark.slow
def test_a_selection_is_counted_by_its_own_part(bench: Bench) -> None:
    fill(bench, "exclusive", 4, 4)
    bench.people(approved=["bad@junk.example"])
    bench.manifest(rules("exclusive", 4, **(LOOSE | {"removals": 1})) + "denied_domains: [{domain: junk.example}]\n")
    assert codes(bench) == ["removals"]
    assert codes(bench, "--team", "reds") == ["removals"]
    assert codes(bench, "--developer", "bad@junk.example") == []
