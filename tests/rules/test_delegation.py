"""Whatever somebody writes into a file, the plan changes by no more than was granted to that file.

Random root files of two portals, a random grant of each, random contents of a further file, and a random portal: the
plan with the file is compared with the plan without it. What is allowed is worked out here from the grant alone.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from portalctl.changes.operations import AddMember, Change
from portalctl.changes.plan import PortalPlan
from portalctl.errors import InputError
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.portals.models import Snapshot
from tests.changes.build import developer, planned, snapshot

DOMAINS = ("a.com", "uk.a.com", "b.org", "c.net")
TEAMS = ("red", "green", "blue")
ADDRESSES = tuple(f"{who}@{domain}" for domain in DOMAINS for who in ("ann", "bob"))
STATUSES = ("pending", "approved", "revoked", "rejected")
FILE = "teams/city.yaml"
PORTALS = ("partners", "staging")
IDS = {name: f"00000000-0000-4000-8000-00000000000{number}" for number, name in enumerate(PORTALS)}
TEAM_OPS = frozenset({"create_team", "update_team", "add_member", "remove_member"})

Content = dict[str, Any]


@dataclass(frozen=True)
class Grant:
    """What one portal grants to the file, as the README has it. `teams` None: any."""

    teams: frozenset[str] | None = frozenset()
    domains: frozenset[str] = frozenset()
    overrides: bool = False
    all: bool = False
    roots: bool = False


NOTHING = Grant()


@dataclass(frozen=True)
class Case:
    roots: dict[str, Content]  # by portal
    content: Content
    live: Snapshot

    def manifest(self, *, with_file: bool) -> Manifest:
        """Raises InputError."""
        texts = {f"{name}.yaml": json.dumps(root) for name, root in self.roots.items()}
        if with_file:
            texts[FILE] = yaml.dump(self.content, Dumper=yaml.CSafeDumper)
        return assemble([File(name, name, f"/p/{name}", text.encode()) for name, text in texts.items()])

    def grant(self, portal: str) -> Grant:
        delegate = {name: root.get("delegate") for name, root in self.roots.items()}
        own = delegate[portal]
        named = any(FILE in (item or {}) for item in delegate.values())
        if own is None:
            return NOTHING if named else Grant(teams=None)
        entry = own.get(FILE, {})
        return Grant(
            teams=frozenset(entry.get("teams", ())),
            domains=frozenset(entry.get("domains", ())),
            **{key: entry.get(key, False) for key in ("overrides", "all", "roots")},
        )


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


def mostly(likely: Any, possible: tuple[str, ...]) -> st.SearchStrategy[str]:
    """One of what is granted, as a rule."""
    granted = [item for item in likely if item in possible]
    return st.sampled_from([*granted * 8, *possible])


@st.composite
def roots(draw: st.DrawFn, name: str) -> Content:
    """A portal's root file. `None` entries are dropped."""
    domain = draw(st.sampled_from(DOMAINS))
    kind = draw(st.sampled_from(["trusted_domains", "denied_domains", None]))
    rules = {kind: [{"domain": domain, "subdomains": draw(st.booleans())}]} if kind else {}
    teams = [{"name": "red", **draw(team_keys(ADDRESSES[:2]))}, {"name": "green"}][: draw(st.integers(0, 2))]
    overrides = [
        {"developer": who, "status": draw(st.sampled_from(STATUSES)), "reason": "x"}
        for who in draw(some(ADDRESSES[2:4], 1))
    ]
    entry: Content = {
        key: value
        for key, value in {
            "teams": draw(some(TEAMS)),
            "domains": draw(some(DOMAINS)),
            "overrides": draw(st.sampled_from([True, True, False])),
            "all": draw(st.sampled_from([False] * 5 + [True])),
        }.items()
        if value
    }
    if draw(st.integers(0, 19)) == 0:
        entry = {"roots": True}
    delegate: Content = {0: {}, 1: {"delegate": {}}}.get(draw(st.integers(0, 6)), {"delegate": {FILE: entry}})
    return {
        "version": 1,
        "portal": {"name": name, "provider": "konnect", "id": IDS[name]},
        "policy": draw(policies),
        "protected": draw(some(ADDRESSES)),
        "teams": teams,
        "overrides": overrides,
        **rules,
        **delegate,
    }


policies = st.fixed_dictionaries(
    {
        "unmatched": st.fixed_dictionaries(
            {"pending": st.sampled_from(["keep", "rejected"]), "approved": st.sampled_from(["keep", "revoked"])}
        ),
        "reinstate": st.booleans(),
        "allow_delete": st.booleans(),
        "limits": st.fixed_dictionaries({"removals": st.integers(0, 9)}),
    }
)


def team_keys(addresses: tuple[str, ...]) -> st.SearchStrategy[Content]:
    return st.fixed_dictionaries(
        {},
        optional={
            "members": some(addresses, 3),
            "membership": st.sampled_from(["additive", "exclusive"]),
            "description": st.sampled_from(["old", "new"]),
        },
    )


@st.composite
def contents(draw: st.DrawFn, root: Content) -> Content:
    """What somebody writes into the file, who knows the grant and tries to get more."""
    entry = (root.get("delegate") or {}).get(FILE, {})
    team = mostly(entry.get("teams", ()), TEAMS)
    domain = mostly(entry.get("domains", ()), DOMAINS)
    content: Content = {"version": 1, **draw(st.sampled_from(WHOSE))}
    wanted = draw(st.sets(st.sampled_from(["teams", "trusted_domains", "overrides", "beyond"]), min_size=1))
    shared = draw(some(ADDRESSES[4:], 3))  # one list in several places becomes an anchor and aliases
    if "teams" in wanted:
        names = draw(st.lists(team, min_size=1, max_size=2, unique=True))
        content["teams"] = [{"name": name, **draw(team_keys(ADDRESSES))} for name in names]
        if draw(st.booleans()):
            content["teams"][0]["members"] = shared
    if "trusted_domains" in wanted:
        entries = [{"domain": name} for name in draw(st.lists(domain, min_size=1, max_size=2, unique=True))]
        content["trusted_domains"] = [
            item
            | draw(st.sampled_from([{}] * 4 + [{"subdomains": True}]))
            | {"teams": draw(st.lists(team, max_size=1))}
            for item in entries
        ]
    if "overrides" in wanted and (entry.get("overrides") or entry.get("all") or draw(st.integers(0, 5)) == 0):
        content["overrides"] = draw(st.lists(overrides(team), max_size=2, unique_by=lambda item: item["developer"]))
    if "beyond" in wanted and draw(st.integers(0, 2)) == 0:
        draw(beyond(content, shared))
    return content


def overrides(team: st.SearchStrategy[str]) -> st.SearchStrategy[Content]:
    return st.fixed_dictionaries(
        {
            "developer": st.sampled_from(ADDRESSES),
            "status": st.sampled_from([*STATUSES, "absent"]),
            "reason": st.just("x"),
        },
        optional={"teams": st.lists(team, max_size=1)},
    )


WHOSE: list[Content] = [
    *[{"portal": "partners"}] * 6,
    *[{"portals": ["partners", "staging"]}] * 3,
    {"portal": "staging"},
    {"portal": {"name": "mine", "provider": "konnect", "id": IDS["partners"].upper()}},
    {"portal": {"name": "mine", "provider": "konnect", "id": "00000000-0000-4000-8000-0000000000ff"}},
]


@st.composite
def beyond(draw: st.DrawFn, content: Content, shared: list[str]) -> None:
    """Something that hardly any grant covers."""
    teams = content.get("teams") or [{"name": "red"}]
    overridden = content.get("overrides") or [{"developer": ADDRESSES[0], "status": "approved", "reason": "x"}]
    content |= draw(
        st.sampled_from(
            [
                {"policy": {"unmatched": {"approved": "revoked"}, "limits": {"removals": 99}}},
                {"protected": shared},
                {"denied_domains": [{"domain": DOMAINS[3]}]},
                {"access_requests": [{"products": ["x"], "teams": ["red"], "status": "approved"}]},
                {"teams": [teams[0] | {"roles": []}]},
                {"teams": [{"name": teams[0]["name"], "membership": "idp"}]},
                {"teams": [teams[0] | {"synced": False}]},
                {"overrides": [overridden[0] | {"reinstate": True}]},
                {"delegate": {FILE: {"all": True}}},
            ]
        )
    )


live = st.lists(
    st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(STATUSES), some(TEAMS[:2])),
    min_size=2,
    max_size=7,
    unique_by=lambda item: item[0],
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    both = {name: draw(roots(name)) for name in PORTALS}
    people = draw(live)
    teams = {team: [who for who, _, inside in people if team in inside] for team in TEAMS[:2]}
    return Case(
        both,
        draw(contents(both["partners"])),
        snapshot(*(developer(who, status) for who, status, _ in people), teams=teams),
    )


def writes(plan: PortalPlan) -> dict[tuple[object, ...], Change]:
    """What a plan does, whichever rule is behind it."""
    return {
        (
            change.op,
            change.developer and change.developer.key,
            change.team,
            str(change.before),
            str(change.after),
        ): change
        for change in plan.changes
    }


def listed(content: Content) -> set[str]:
    return set(chain.from_iterable(team.get("members", ()) for team in content.get("teams", ())))


def allowed(change: Change, grant: Grant, content: Content, *, gone: bool) -> bool:
    """Whether a file with this grant may cause a change, or (`gone`) prevent it."""
    if grant.all or (grant.teams is None and change.op in TEAM_OPS):
        return change.op not in {"assign_role", "unassign_role"}
    if change.op in TEAM_OPS and change.team in (grant.teams or ()):
        return True
    email = change.developer.email if change.developer is not None else None
    if email is None or (isinstance(change, AddMember) and any(why.file == FILE for why in change.why)):
        return False  # a rule of the file that puts a developer into a team which is not granted
    if grant.overrides or email.rpartition("@")[2] in grant.domains:
        return True
    # Whoever is in a member list is not unmatched (design: "Decisions"): what `unmatched` would take away stays.
    unmatched = all(why.rule in {"policy", "teams"} for why in change.why)
    return gone and unmatched and email in listed(content)


def check(case: Case, portal: str, before: PortalManifest, after: PortalManifest) -> Counter[str]:
    """Raises AssertionError where the file does more to one portal than its grant covers."""
    grant = case.grant(portal)
    assert (after.policy, after.protected) == (before.policy, before.protected)
    teams = {team.name: team for team in before.teams}
    for team in after.teams:
        known = teams.get(team.name)
        assert (team.roles, team.synced) == ((known.roles, known.synced) if known else (None, None))
        assert team.membership != "idp"
        assert grant.all or grant.teams is None or team.name in grant.teams or team == known
    plans = [planned(manifest, case.live) for manifest in (before, after)]
    assert plans[0].guard == plans[1].guard
    was, now = map(writes, plans)
    new, gone = now.keys() - was.keys(), was.keys() - now.keys()
    for key in new:
        assert allowed(now[key], grant, case.content, gone=False), (now[key], grant)
        assert before.policy.reinstate or now[key].op_class != "reinstate" or now[key].op == "reopen"
    for key in gone:
        assert allowed(was[key], grant, case.content, gone=True), (was[key], grant)
    return Counter([*(str(now[key].op) for key in new), *(f"no {was[key].op}" for key in gone)])


def outcome(case: Case) -> Counter[str]:
    """What the file brings about, by op; or the kind of the first error that refuses it."""
    try:
        before = case.manifest(with_file=False)
    except InputError as error:
        return Counter({f"roots: {error.findings[0].message}": 1})
    try:
        after = case.manifest(with_file=True)
    except InputError as error:
        return Counter(f"refused: {kind(finding.message)}" for finding in error.findings)
    more = after.portals.keys() - before.portals.keys()
    assert not more or all(case.grant(name).roots for name in PORTALS if "delegate" in case.roots[name])
    found: Counter[str] = Counter({"accepted": 1})
    for name in PORTALS:
        found += check(case, name, before.portals[name], after.portals[name])
    return found


MOST = 800
KINDS = (
    *("team not granted", "domain not granted", "without its subdomains", "`overrides`: not granted", "needs `all"),
    *("is never granted", "in the root file only", "can't be a root file", "no root file in a subfolder"),
    *("grants nothing", "restricts it", "the same portal", "contradicts", "repeats"),
)


def kind(message: str) -> str:
    return next((item for item in KINDS if item in message), "other")


@settings(max_examples=2 * settings().max_examples)
@given(cases())
def test_no_file_changes_more_than_its_grant(case: Case) -> None:
    for what in outcome(case):
        event(what)


@pytest.mark.slow
def test_the_cases_reach_what_they_are_to_reach() -> None:
    """Of a fixed few hundred, many are accepted and change something, and each way to more is tried and refused."""
    found: Counter[str] = Counter()

    @settings(max_examples=MOST, derandomize=True, database=None)
    @given(cases())
    def collect(case: Case) -> None:
        found.update(outcome(case).keys())

    collect()
    assert found["accepted"] > MOST / 4, found
    assert min(found[team_op] for team_op in (*sorted(TEAM_OPS), "approve")) > 0, found
    assert found["revoke"] + found["reject"] + found["no revoke"] + found["no reject"] > 0, found
    assert min(found[f"refused: {item}"] for item in KINDS) > 0, found
