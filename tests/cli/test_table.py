"""The decision table through the command line: what is planned and why, what is sent, and what is there afterwards.

One portal with one person per cell, in a domain of its own for each row. A row that comes later is one more line in
TABLE, with its rule in `rules_of`, or one more Case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PORTAL_ID, WRITES, Bench

pytestmark = pytest.mark.usefixtures("quick")

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
FILE = "portals/partners.yaml"
ALLOWED = ("--allow-removals", "1000", "--allow-delete")

# The row's rule, then op/class for each live status; `withheld` is approval or reopening kept back.
STATUSES = ("pending", "approved", "revoked", "rejected")
TABLE = """
trusted      approve/onboard   -                 withheld           withheld
approved     approve/onboard   -                 withheld           withheld
denied       reject/offboard   revoke/offboard   -                  -
revoked      revoke/offboard   revoke/offboard   -                  -
rejected     reject/offboard   reject/offboard   -                  -
reopened     -                 reopen/offboard   withheld           withheld
absent       deletes/offboard  deletes/offboard  deletes/offboard   deletes/offboard
listed       -                 joins:lists/onboard  -              -
nobody       -                 -                 -                  -
"""
REINSTATED = """
trusted      approve/onboard   -                 approve/reinstate  approve/reinstate
approved     approve/onboard   -                 approve/reinstate  approve/reinstate
reopened     -                 reopen/offboard   reopen/reinstate   reopen/reinstate
denied       reject/offboard   revoke/offboard   -                  -
"""
UNMATCHED = """
trusted      approve/onboard   -                 withheld           withheld
listed       -                 joins:lists/onboard  -              -
nobody       reject/offboard   revoke/offboard   -                  -
"""
AFTER = {"approve": "approved", "reject": "rejected", "revoke": "revoked", "reopen": "pending"}
OVERRIDES = {name: name for name in ("approved", "revoked", "rejected", "absent")} | {"reopened": "pending"}


Wanted = tuple[str, str, str | None, str]  # op, class, team, and "rule value" that says why


@dataclass(frozen=True, slots=True)
class Case:
    """A person, in `teams` before, and what is to become of them. `notice`: the code of a notice about them."""

    email: str
    live: str
    changes: tuple[Wanted, ...] = ()
    notice: str | None = None
    teams: tuple[str, ...] = ()


def case(email: str, live: str, *changes: str, notice: str | None = None, teams: tuple[str, ...] = ()) -> Case:
    """`changes` are "op[ team]/class by rule value"."""
    wanted: list[Wanted] = []
    for text in changes:
        what, why = text.split(" by ")
        op, _, team = what.partition("/")[0].partition(" ")
        wanted.append((op, what.partition("/")[2], team or None, why))
    return Case(email, live, tuple(wanted), notice, teams)


def cells(table: str) -> list[Case]:
    cases = []
    for line in table.strip().splitlines():
        row, *texts = line.split()
        for live, text in zip(STATUSES, texts, strict=True):
            email = f"{live}@{row}.example"
            why = {"trusted": "trusted_domains trusted.example", "denied": "denied_domains denied.example"}
            why |= {
                "nobody": "policy unmatched",
                "listed": f"members {email}",
                **dict.fromkeys(OVERRIDES, f"overrides {email}"),
            }
            changes = (
                [f"{text.replace('joins:', 'add_member ').replace('deletes', 'delete_developer')} by {why[row]}"]
                if "/" in text
                else []
            )
            cases.append(case(email, live, *changes, notice="withheld" if text == "withheld" else None))
    return cases


GENERAL = [
    # override > denied > trusted
    case("friend@denied.example", "pending", "approve/onboard by overrides friend@denied.example"),
    case("expelled@trusted.example", "approved", "reject/offboard by overrides expelled@trusted.example"),
    case("x@good.bad.example", "pending", "reject/offboard by denied_domains bad.example"),
    case("y@good.bad.example", "approved", "revoke/offboard by denied_domains bad.example"),
    # the most specific domain, and its subdomains only where it says so
    case(
        *("x@deep.wide.example", "pending"),
        "approve/onboard by trusted_domains deep.wide.example",
        "add_member deep/onboard by trusted_domains deep.wide.example",
    ),
    case("x@other.wide.example", "approved", "add_member wide/onboard by trusted_domains wide.example"),
    case("x@sub.trusted.example", "pending"),
    case("x@sub.denied.example", "approved"),
    # denials know a person by other spellings; grants don't
    case("Leaver@Trusted.Example", "approved", "revoke/offboard by overrides leaver@trusted.example"),
    case("leaver+2@trusted.example", "pending", "revoke/offboard by overrides leaver@trusted.example"),
    case("friend+2@denied.example", "pending", "reject/offboard by denied_domains denied.example"),
    case("<odd@denied.example>", "pending", "reject/offboard by denied_domains denied.example"),
    case("<odd@trusted.example>", "pending", notice="malformed_address"),
    # two registrations behind one address: nothing is given, and everything is taken
    case("twin@trusted.example", "pending", notice="ambiguous_address"),
    case("Twin@trusted.example", "pending", notice="ambiguous_address"),
    case("evil@trusted.example", "approved", "revoke/offboard by overrides evil@trusted.example"),
    case("Evil@trusted.example", "pending", "revoke/offboard by overrides evil@trusted.example"),
    # pins
    case("meant@pinned.example", "pending", "approve/onboard by overrides meant@pinned.example"),
    case("forged@pinned.example", "pending", notice="pin_mismatch"),
    # an override's own `reinstate`
    case("back@trusted.example", "rejected", "approve/reinstate by overrides back@trusted.example"),
    case("again@trusted.example", "revoked", "reopen/reinstate by overrides again@trusted.example"),
    # expiry: what only the expired rule gave is withdrawn
    case("x@ended.example", "pending"),
    case(
        *("y@ended.example", "approved"),
        "revoke/offboard by trusted_domains ended.example",
        "remove_member wide/offboard by trusted_domains ended.example",
        teams=("wide",),
    ),
    case("x@ending.example", "pending", "approve/onboard by trusted_domains ending.example"),
    case("guest@lapsed.example", "approved", "revoke/expire by overrides guest@lapsed.example"),
    case("guest@trusted.example", "approved"),
    case("pardoned@trusted.example", "pending", "approve/onboard by trusted_domains trusted.example"),
    case("x@forgiven.example", "approved"),
    case(
        "was@nobody.example", "approved", "remove_member lists/expire by members was@nobody.example", teams=("lists",)
    ),
    # teams: awaited, exclusive, additive, complete lists, and those who are out
    case("early@nobody.example", "pending"),
    case("ann@nobody.example", "approved", "add_member lists/onboard by members ann@nobody.example"),
    case("stray@nobody.example", "approved", "remove_member wide/offboard by teams wide", teams=("wide", "deep")),
    case(
        *("full@wide.example", "approved"),
        "add_member deep/onboard by overrides full@wide.example",
        "remove_member wide/offboard by overrides full@wide.example",
        "remove_member lists/offboard by overrides full@wide.example",
        teams=("wide", "lists"),
    ),
    case("gone@nobody.example", "rejected", "remove_member wide/offboard by teams wide", teams=("wide", "deep")),
    case(
        *("busy@denied.example", "approved"),
        "revoke/offboard by denied_domains denied.example",
        "remove_member wide/offboard by denied_domains denied.example",
        teams=("wide", "deep"),
    ),
    case("sso@nobody.example", "approved", teams=("sso",)),
]
RULES = f"""\
trusted_domains:
  - domain: trusted.example
  - {{domain: wide.example, subdomains: true, teams: [wide]}}
  - {{domain: deep.wide.example, teams: [deep]}}
  - {{domain: good.bad.example}}
  - {{domain: ended.example, expires: {YESTERDAY}, teams: [wide]}}
  - {{domain: ending.example, expires: {TOMORROW}}}
denied_domains:
  - domain: denied.example
  - {{domain: bad.example, subdomains: true}}
  - {{domain: forgiven.example, expires: {YESTERDAY}}}
teams:
  - {{name: wide, membership: exclusive}}
  - name: deep
  - name: lists
    members:
      - ann@nobody.example
      - early@nobody.example
      - {{developer: was@nobody.example, expires: {YESTERDAY}}}
  - {{name: sso, membership: idp}}
protected: [owner@trusted.example]
overrides:
  - {{developer: friend@denied.example, status: approved, reason: r}}
  - {{developer: expelled@trusted.example, status: rejected, reason: r}}
  - {{developer: leaver@trusted.example, status: revoked, reason: r}}
  - {{developer: evil@trusted.example, status: revoked, reason: r}}
  - {{developer: meant@pinned.example, status: approved, id: MEANT, reason: r}}
  - {{developer: forged@pinned.example, status: approved, id: MEANT, reason: r}}
  - {{developer: back@trusted.example, status: approved, reinstate: true, reason: r}}
  - {{developer: again@trusted.example, status: pending, reinstate: true, reason: r}}
  - {{developer: guest@lapsed.example, status: approved, expires: {YESTERDAY}, reason: r}}
  - {{developer: guest@trusted.example, status: approved, expires: {YESTERDAY}, reason: r}}
  - {{developer: pardoned@trusted.example, status: revoked, expires: {YESTERDAY}, reason: r}}
  - {{developer: full@wide.example, teams: [deep], reason: r}}
"""


def rules_of(cases: list[Case], policy: str) -> str:
    """RULES, and the rules of the table's rows for these people."""
    by_row = [(each.email, each.email.split("@")[1].split(".")[0]) for each in cases if each not in GENERAL]
    members = ["    members:", *(f"      - {email}" for email, row in by_row if row == "listed"), ""]
    rules = RULES.replace("    members:\n", "\n".join(members))
    return f"policy:\n  allow_delete: true\n{policy}{rules}" + "".join(
        f"  - {{developer: {email}, status: {OVERRIDES[row]}, reason: r}}\n"
        for email, row in by_row
        if row in OVERRIDES
    )


def fill(bench: Bench, cases: list[Case], policy: str) -> None:
    for each in cases:
        bench.people(**{each.live: [each.email]})
    for name in ("wide", "deep", "lists", "sso"):
        bench.team(name, *(each.email for each in cases if name in each.teams))
    rules = rules_of(cases, policy)
    bench.manifest(rules.replace("MEANT", bench.emails.get("meant@pinned.example", PORTAL_ID)))


def place(why: dict[str, Any], text: str) -> str:
    """ "rule value", once the place is right: the line, in its section, that spells the value out."""
    lines = text.splitlines()
    section = {"members": "teams"}.get(why["rule"], why["rule"])
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{section}:"))
    spelled = next(number for number in range(start, len(lines)) if why["value"] in lines[number])
    assert (why["file"], why["line"]) == (FILE, spelled + 1), why
    return f"{why['rule']} {why['value']}"


def found(portal: dict[str, Any]) -> dict[str, list[Wanted]]:
    """The planned changes of each person, by live address."""
    text = Path(FILE).read_text()
    people: dict[str, list[Wanted]] = {}
    for change in portal["changes"]:
        assert change["before"] != change["after"]
        (why,) = change["why"]
        wanted = (change["op"], change["class"], change["team"], place(why, text))
        people.setdefault(change["developer"]["email"], []).append(wanted)
    return people


def wanted_writes(bench: Bench, cases: list[Case]) -> Counter[tuple[str, str, str]]:
    writes: Counter[tuple[str, str, str]] = Counter()
    for each in cases:
        id_ = bench.emails[each.email]
        for op, _, team, _ in each.changes:
            members = f"/teams/{bench.teams.get(team or '', '')}/developers"
            if op == "add_member":
                writes["POST", members, f"id {id_}"] += 1
            elif op == "remove_member":
                writes["DELETE", f"{members}/{id_}", ""] += 1
            elif op == "delete_developer":
                writes["DELETE", f"/developers/{id_}", ""] += 1
            else:
                writes["PATCH", f"/developers/{id_}", f"status {AFTER[op]}"] += 1
    return writes


def sent(bench: Bench) -> Counter[tuple[str, str, str]]:
    prefix = f"/{'v2' if bench.classic else 'v3'}/portals/{PORTAL_ID}"
    return Counter(
        (each.method, each.path.removeprefix(prefix), " ".join(f"{k} {v}" for k, v in (each.body or {}).items()))
        for each in bench.sim.log
        if each.method in WRITES
    )


def wanted_state(cases: list[Case]) -> dict[str, tuple[str, set[str]]]:
    state = {}
    for each in cases:
        status, teams = each.live, set(each.teams)
        for op, _, team, _ in each.changes:
            status = AFTER.get(op, status)
            teams |= {team} if team and op == "add_member" else set()
            teams -= {team} if op == "remove_member" else set()
        if all(op != "delete_developer" for op, *_ in each.changes):
            state[each.email] = (status, teams)
    return state


def state(bench: Bench) -> dict[str, tuple[str, set[str]]]:
    teams = {name: bench.members(name) for name in bench.teams}
    people = bench.sim.store.developers(PORTAL_ID)
    return {
        person["email"]: (person["status"], {name for name, inside in teams.items() if person["email"] in inside})
        for person in people
    }


@pytest.mark.wide(1)
@pytest.mark.parametrize("classic", [False, True], ids=["v3", "v2"])
@pytest.mark.parametrize(
    ("policy", "cases"),
    [
        pytest.param("", cells(TABLE) + GENERAL, id="as it is by default"),
        pytest.param("  reinstate: true\n", cells(REINSTATED), id="reinstate"),
        pytest.param("  unmatched: {pending: rejected, approved: revoked}\n", cells(UNMATCHED), id="unmatched"),
    ],
)
def test_every_cell_is_planned_with_its_reason_and_made_so(
    make_bench: Callable[..., Bench], policy: str, cases: list[Case], *, classic: bool
) -> None:
    bench = make_bench(classic=classic)
    fill(bench, cases, policy)
    plan = bench.run("plan", "-o", "json", "--detailed-exitcode", *ALLOWED)
    assert plan.code == 2, plan.err
    (portal,) = plan.json["portals"]
    planned = found(portal)
    assert {each.email: sorted(planned.get(each.email, [])) for each in cases} == {
        each.email: sorted(each.changes) for each in cases
    }
    told = {(notice["code"], notice["developer"]) for notice in portal["notices"] if notice["developer"]}
    assert told == {(each.notice, each.email) for each in cases if each.notice}
    assert portal["refusals"] == []
    assert bench.writes == []

    done = bench.run("apply", "--yes", *ALLOWED)
    assert done.code == 0, done.out + done.err
    assert sent(bench) == wanted_writes(bench, cases)
    assert state(bench) == wanted_state(cases)
    again = bench.run("plan", "--detailed-exitcode")
    assert again.code == 0, again.out


def test_who_waits_for_approval_is_awaited_by_their_teams(bench: Bench) -> None:
    bench.people(pending=["early@nobody.example"], approved=["ann@nobody.example"])
    bench.team("lists", "ann@nobody.example")
    bench.manifest(
        "teams:\n  - {name: lists, members: [ann@nobody.example, early@nobody.example, no@nobody.example]}\n"
    )
    plan = bench.run("plan", "-o", "json")
    assert (plan.json["portals"][0]["changes"], plan.json["portals"][0]["summary"]["awaited"]) == ([], 2)
    bench.sim.store.set_status(bench.emails["early@nobody.example"], "approved")
    assert bench.run("apply", "--yes").code == 0
    assert bench.members("lists") == {"ann@nobody.example", "early@nobody.example"}


def test_nobody_protected_loses_anything_whatever_rule_asks_for_it(bench: Bench) -> None:
    emails = ["a@denied.example", "b@x.example", "c@x.example", "d@x.example", "Own+er@x.example"]
    bench.people(approved=emails, pending=["e@denied.example"])
    bench.team("wide", "c@x.example", "d@x.example")
    overrides = "".join(
        f"  - {{developer: {who}, {what}, reason: r}}\n"
        for who, what in [("b@x.example", "status: pending"), ("d@x.example", "teams: []"),
                          ("own@x.example", "status: rejected")]
    )  # fmt: skip
    bench.manifest(
        "protected: [a@denied.example, b@x.example, c@x.example, d@x.example, own@x.example, e@denied.example]\n"
        "denied_domains: [{domain: denied.example}]\n"
        f"teams: [{{name: wide, membership: exclusive, members: []}}]\noverrides:\n{overrides}"
    )
    plan = bench.run("plan", "-o", "json", *ALLOWED)
    refusals = plan.json["portals"][0]["refusals"]
    assert plan.code == 3
    assert sorted((each["code"], each["developer"]) for each in refusals) == sorted(
        ("protected", email) for email in emails
    )
    assert bench.run("apply", "--yes", *ALLOWED).code == 3
    assert bench.writes == []
