"""The plan as a document: its keys, its bytes, its digest, its schema, and the way back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from portalctl.changes.plan import Plan, Refusal
from portalctl.changes.plan_document import checked, parse, plan_schema, to_json
from portalctl.changes.saved_plan import load, read
from portalctl.changes.selection import Selection
from portalctl.errors import InputError, RefusedError
from portalctl.manifest.model import Policy, PortalManifest, RemovalLimits
from portalctl.portals.models import Snapshot
from tests.changes.build import (
    TODAY,
    UNMATCHED,
    YESTERDAY,
    denied,
    developer,
    member,
    override,
    planned,
    portal,
    protected,
    snapshot,
    team,
    trusted,
    whole_plan,
)
from tests.changes.test_invariants import MANIFESTS, PORTALS

ANN = "ann@city.com"
MANIFEST = portal(
    policy=Policy(unmatched_pending="rejected", unmatched_why=UNMATCHED, limits=RemovalLimits(removals=1)),
    trusted_domains=(
        trusted("city.com", "blues", "reds", expires=TODAY),
        trusted("old.com", "blues", expires=YESTERDAY),
    ),
    denied_domains=(denied("bad.com"), denied("worse.com", subdomains=True)),
    teams=(
        team("blues", [member(ANN, TODAY), "kim@x.org"]),
        team("new", [member(ANN, TODAY, line=45)], description="New"),
        team("reds", ["kim@x.org"], "exclusive"),
        team("twice"),
    ),
    overrides=(override("kim@x.org", "approved"), override("rev@x.org", "revoked", ["reds"])),
    protected=(protected("rev@x.org"), protected("owner@city.com")),
)
LIVE = snapshot(
    developer(ANN, "pending", "7"),
    developer("Ann@City.com", "approved", "8"),
    developer("kim@x.org", "approved"),
    developer("rev@x.org", "approved", "1"),
    developer("rev@x.org", "approved", "2"),
    developer("REV@x.org", "pending", "3"),
    developer("joe@old.com", "approved"),
    developer("joe@bad.com", "approved"),
    developer("sam@city.com", "revoked"),
    developer("<x@y>", "pending"),
    developer(None, "pending", "4"),
    developer("who@x.org", "suspended"),
    teams={"blues": ["joe@old.com", "joe@bad.com"], "reds": ["1", "joe@bad.com"], "twice": []},
)  # fmt: skip


def document(manifest: PortalManifest = MANIFEST, live: Snapshot = LIVE) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_json(whole_plan(planned(manifest, live))))
    return loaded


def test_keys_and_their_order() -> None:
    plan = document()
    assert list(plan) == [
        "version", "kind", "generator", "created_at", "valid_until", "digest", "manifest", "snapshot", "portals",
    ]  # fmt: skip
    assert (plan["version"], plan["kind"], plan["valid_until"]) == (1, "plan", None)
    assert list(plan["manifest"]) == ["digest", "files", "commit"]
    (only,) = plan["portals"]
    assert list(only) == [
        "name", "provider", "portal_id", "server", "observed_at", "developers", "guard", "summary", "changes",
        "refusals", "notices", "mail_operations", "base",
    ]  # fmt: skip
    assert only["guard"] == {
        "limits": {"removals": 1, "removals_percent": 10, "team_percent": 50},
        "protected": ["owner@city.com", "rev@x.org"],
        "allow_delete": False,
        "allow_removals": None,
        "no_mail_above": None,
    }
    assert list(only["summary"]) == [
        "create_team", "add_member", "reject", "revoke", "remove_member", "total", "removals", "mails", "unmanaged",
        "awaited",
    ]  # fmt: skip
    assert all(list(refusal) == ["code", "message", "developer", "team", "origin"] for refusal in only["refusals"])
    assert all(list(n) == ["code", "severity", "message", "developer", "file", "line"] for n in only["notices"])
    assert [refusal["code"] for refusal in only["refusals"]] == ["protected", "protected", "removals"]


def test_a_change_in_full() -> None:
    manifest = portal(trusted_domains=(trusted("city.com", "reds", line=12),), teams=(team("reds"),))
    add, approve = document(manifest, snapshot(developer("Ann@city.com", "pending", "7"), teams={"reds": []}))[
        "portals"
    ][0]["changes"]
    why = [
        {"rule": "trusted_domains", "value": "city.com", "file": "portals/partners.yaml", "line": 12, "reason": None}
    ]
    assert list(approve.items()) == [
        ("id", "approve:Ann@city.com"),
        ("op", "approve"),
        ("class", "onboard"),
        ("developer", {"email": "Ann@city.com", "id": "7"}),
        ("team", None),
        ("before", {"status": "pending"}),
        ("after", {"status": "approved"}),
        ("why", why),
        ("origin", None),
        ("developer_status", "pending"),
    ]
    assert (add["id"], add["team"], add["before"], add["after"]) == (
        "add_member:Ann@city.com:reds", "reds", {"member": False}, {"member": True},
    )  # fmt: skip


def test_the_summary_counts_changes_people_and_mails() -> None:
    assert document()["portals"][0]["summary"] == {
        "create_team": 1,
        "add_member": 2,  # kim
        "reject": 2,
        "revoke": 5,
        "remove_member": 3,
        "total": 13,
        "removals": 4,  # rev twice, joe twice
        "mails": 7,
        "unmanaged": 0,
        "awaited": 1,  # ann
    }


def test_ids_are_unique_also_where_two_people_share_an_address() -> None:
    every = [change["id"] for change in document()["portals"][0]["changes"]]
    assert len(set(every)) == len(every)
    assert [item for item in every if item.startswith("revoke:rev@x.org")] == [
        "revoke:rev@x.org#1",
        "revoke:rev@x.org#2",
    ]


def reversed_rules(manifest: PortalManifest) -> PortalManifest:
    return replace(
        manifest,
        trusted_domains=manifest.trusted_domains[::-1],
        denied_domains=manifest.denied_domains[::-1],
        overrides=manifest.overrides[::-1],
        protected=manifest.protected[::-1],
        teams=tuple(replace(item, members=item.members and item.members[::-1]) for item in manifest.teams[::-1]),
    )


def test_equal_input_in_another_order_gives_equal_bytes() -> None:
    live = replace(
        LIVE,
        developers=LIVE.developers[::-1],
        teams=LIVE.teams[::-1],
        members=dict(reversed(list(LIVE.members.items()))),
    )
    first = to_json(whole_plan(planned(MANIFEST, LIVE)))
    assert to_json(whole_plan(planned(reversed_rules(MANIFEST), live))) == first


def test_portals_come_sorted() -> None:
    one = planned(MANIFEST, LIVE)
    other = replace(one, name="another")
    assert to_json(whole_plan(one, other)) == to_json(whole_plan(other, one))
    assert [item.name for item in whole_plan(one, other).portals] == ["another", "partners"]


BOUND: list[Callable[[PortalManifest, Snapshot], tuple[PortalManifest, Snapshot]]] = [
    lambda m, s: (replace(m, name="others"), s),
    lambda m, s: (replace(m, provider="konnect-v2"), s),
    lambda m, s: (m, replace(s, portal_id="p-2")),
    lambda m, s: (m, replace(s, server="https://us.api.konghq.com")),
    lambda m, s: (replace(m, policy=replace(m.policy, limits=RemovalLimits(removals=2))), s),
    lambda m, s: (replace(m, protected=()), s),
    lambda m, s: (replace(m, trusted_domains=(trusted("city.com", line=99),)), s),
    lambda m, s: (m, replace(s, developers=(*s.developers, developer("new@bad.com")))),
]


@pytest.mark.parametrize("changed", BOUND)
def test_the_digest_binds(changed: Callable[[PortalManifest, Snapshot], tuple[PortalManifest, Snapshot]]) -> None:
    assert whole_plan(planned(*changed(MANIFEST, LIVE))).digest != whole_plan(planned(MANIFEST, LIVE)).digest


def test_the_digest_binds_manifest_allowance_and_selection() -> None:
    may_delete = replace(MANIFEST, policy=replace(MANIFEST.policy, allow_delete=True))
    plans = [
        whole_plan(planned(MANIFEST, LIVE)),
        whole_plan(planned(MANIFEST, LIVE), digest="sha256:bb"),
        whole_plan(planned(MANIFEST, LIVE, selection=Selection(allow_removals=3))),
        whole_plan(planned(may_delete, LIVE, selection=Selection(allow_delete=True))),
        whole_plan(planned(MANIFEST, LIVE, selection=Selection(only=frozenset({"offboard"})))),
        whole_plan(),
    ]
    digests = {plan.digest for plan in plans}
    assert len(digests) == len(plans)
    assert all(digest and digest.startswith("sha256:") and len(digest) == 71 for digest in digests)


def test_a_plan_rid_of_its_refusals_is_another_plan() -> None:
    refused = planned(MANIFEST, LIVE)
    assert whole_plan(replace(refused, refusals=())).digest != whole_plan(refused).digest
    one = replace(refused, refusals=(Refusal("removals", "too many"),))
    assert whole_plan(one).digest != whole_plan(refused).digest


def test_the_digest_does_not_bind_times_notices_or_people_no_rule_speaks_of() -> None:
    first = whole_plan(planned(MANIFEST, LIVE))
    newcomers = (
        developer("a@nowhere.org"),
        developer("b@nowhere.org", "revoked"),
        developer("who@y.org", "suspended"),
    )
    later = replace(LIVE, developers=(*LIVE.developers, *newcomers), observed_at="2027-01-01T00:00:00Z")
    second = whole_plan(planned(MANIFEST, later), created_at="2027-01-01T00:00:01Z")
    assert second.portals[0].notices != first.portals[0].notices
    assert second.digest == first.digest
    assert to_json(second) != to_json(first)


SCHEMA = jsonschema.Draft202012Validator(dict(plan_schema()))


@pytest.mark.parametrize(
    "plan", [whole_plan(planned(MANIFEST, LIVE)), whole_plan(planned(portal(), snapshot())), whole_plan()]
)
def test_the_document_fits_its_schema_and_reads_back_as_it_was(plan: Plan) -> None:
    text = to_json(plan)
    jsonschema.Draft202012Validator.check_schema(dict(plan_schema()))
    SCHEMA.validate(json.loads(text))
    assert checked(TypeAdapter(Plan).validate_json(text), "plan.json") == plan


def test_the_schema_rejects_what_is_no_plan() -> None:
    for path, value in (
        (("version",), 2),
        (("kind",), "report"),
        (("portals", 0, "changes", 0, "op"), "destroy"),
        (("portals", 0, "changes", 0, "class"), "other"),
        (("portals", 0, "changes", 0, "why"), None),
    ):
        broken = document()
        place: Any = broken
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert not SCHEMA.is_valid(broken), path
    for key in ("digest", "portals", "manifest"):
        short = document()
        del short[key]
        assert not SCHEMA.is_valid(short), key


def test_what_a_stranger_typed_comes_back_as_it_was() -> None:
    hostile = developer('\u202e"<b>\x1b[31m@evil.com', "pending")
    text = to_json(whole_plan(planned(portal(policy=Policy(unmatched_pending="rejected")), snapshot(hostile))))
    assert json.loads(text)["portals"][0]["changes"][0]["developer"]["email"] == hostile.email


@given(MANIFESTS, PORTALS)
def test_every_plan_that_is_made_can_be_saved_and_loaded(manifest: PortalManifest, live: Snapshot) -> None:
    plan = whole_plan(planned(manifest, live))
    assert read(to_json(plan).encode(), "plan.json") == plan


def test_keys_of_a_later_version_are_ignored() -> None:
    later = document() | {"signature": {"by": [1, None]}}
    later["portals"][0]["changes"][0]["ticket"] = 1e300
    assert parse(json.dumps(later).encode(), "plan.json") == parse(json.dumps(document()).encode(), "plan.json")


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a document below the root."""
    items: list[tuple[Any, Any]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    below = [(*path, step) for step, _ in items]
    return below + [
        deeper for step, item in items if isinstance(item, dict | list) for deeper in paths(item, (*path, step))
    ]


def parent(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


def findings(content: object) -> list[str]:
    with pytest.raises(InputError) as error:
        parse(content if isinstance(content, bytes) else json.dumps(content).encode(), "plan.json")
    assert all((finding.at.file, finding.at.line > 0) == ("plan.json", True) for finding in error.value.findings)
    return [finding.message for finding in error.value.findings]


PLACES = paths(document())
FREE = ("before", "after", "summary")  # objects whose keys are not all fixed


@pytest.mark.slow
def test_every_key_must_be_there() -> None:
    keys = [path for path in PLACES if isinstance(path[-1], str) and path[-2:-1] not in [(name,) for name in FREE]]
    assert len({path[-1] for path in keys}) > 40
    for path in keys:
        short = document()
        del parent(short, path)[path[-1]]
        shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]
        assert findings(short) == [f"{shown}: is missing"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_anywhere_it_is_a_plan_or_told_apart(path: tuple[str | int, ...], value: object) -> None:
    """And what is taken for a plan fits the published schema."""
    edited = document()
    parent(edited, path)[path[-1]] = value
    with contextlib.suppress(InputError):
        with contextlib.suppress(RefusedError):  # another digest
            load(json.dumps(edited).encode(), "plan.json")
        SCHEMA.validate(edited)


@given(st.binary(max_size=40) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_other_bytes_are_no_plan(content: bytes) -> None:
    assert findings(content)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("version", 2, ["version: should be 1"]),
        ("version", True, ["version: has the wrong type"]),
        ("version", 1.0, ["version: has the wrong type"]),
        ("kind", "report", ["kind: should be 'plan'"]),
        ("created_at", 1, ["created_at: should be a valid string"]),
        ("portals", {}, ["portals: should be a valid array"]),
        ("portals", [None], ["portals[0]: should be an object"]),
        ("manifest", "secret", ["manifest: should be an object"]),
    ],
)
def test_types_are_those_of_json(key: str, value: object, told: list[str]) -> None:
    assert findings(document() | {key: value}) == told


def test_of_another_version_only_the_version_is_told() -> None:
    assert findings({"version": 2, "kind": "plan", "portal": []}) == ["version: should be 1"]
    assert findings({}) == ["kind: is missing", "version: is missing"]
    assert findings([]) == ["the plan: should be an object"]


def test_a_value_of_several_types_is_told_of_at_its_own_place() -> None:
    wrong = document()
    wrong["portals"][0]["changes"][1]["before"] = {"status": {}}
    assert [text.split(": ")[0] for text in findings(wrong)] == ["portals[0].changes[1].before.status"]


def test_many_problems_are_counted_and_ten_are_shown() -> None:
    wrong = document()
    for change in wrong["portals"][0]["changes"]:
        change["why"] = None
    with pytest.raises(InputError) as error:
        parse(json.dumps(wrong).encode(), "plan.json")
    assert len(error.value.findings) == 10
    assert error.value.message == "13 errors, 10 of them shown. No portal was contacted."


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"", 1, "incomplete"),
        (b'{"version": 1,\n "kind": "pl', 2, "incomplete"),
        (b"version: 1", 1, "to name a manifest, use -f"),
        (b'{"version": 1}}', 1, "not JSON"),
        (b'{"kind": "\xff"}', 1, "not JSON in UTF-8"),
        ('{"version": 1}'.encode("utf-16"), 1, "not JSON in UTF-8"),
        (b"[" * 100_000, 1, "nested too deeply"),
        (b'{"a":' * 100_000, 1, "nested too deeply"),
        (b'{"version": ' + b"1" * 10_000 + b"}", 1, "out of range"),
        (b'{"version": NaN}', 1, "not JSON"),
    ],
)
def test_what_is_not_json_is_told_where(content: bytes, line: int, told: str) -> None:
    with pytest.raises(InputError) as error:
        parse(content, "plan.json")
    (finding,) = error.value.findings
    assert finding.at.line == line
    assert told in finding.message
