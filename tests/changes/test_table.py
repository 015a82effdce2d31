"""The decision table, cell by cell, and the rules of identity and rank that lead to its rows."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import pytest

from portalctl.changes.observations import Withheld
from portalctl.changes.operations import Change
from portalctl.changes.plan import PortalPlan
from portalctl.manifest.model import Policy, TrustedDomain
from portalctl.reason import Reason
from tests.changes.build import (
    FILE,
    LINES,
    UNMATCHED,
    denied,
    developer,
    difference,
    ids,
    override,
    planned,
    portal,
    snapshot,
    team,
    trusted,
    where,
)

ANN = "ann@city.com"
RULES: dict[str, dict[str, Any]] = {
    "trusted": {"trusted_domains": (trusted("city.com"),)},
    "ov-approved": {"overrides": (override(ANN, "approved"),)},
    "denied": {"denied_domains": (denied("city.com"),)},
    "ov-revoked": {"overrides": (override(ANN, "revoked"),)},
    "ov-rejected": {"overrides": (override(ANN, "rejected"),)},
    "ov-pending": {"overrides": (override(ANN, "pending"),)},
    "ov-teams": {"overrides": (override(ANN, teams=["reds"]),), "teams": (team("reds"),)},
    "member": {"teams": (team("reds", [ANN]),)},
    "none": {"trusted_domains": (trusted("elsewhere.com"),)},
}
RULE_OF = {
    "trusted": "trusted_domains",
    "denied": "denied_domains",
    "none": "policy",
    **dict.fromkeys(("ov-approved", "ov-revoked", "ov-rejected", "ov-pending"), "overrides"),
}
# What is live: pending, approved, revoked, rejected. `*`: with `reinstate` only, else withheld.
# `?`: as policy.unmatched says.
TABLE = """
trusted       approve   -         approve*  approve*
ov-approved   approve   -         approve*  approve*
denied        reject    revoke    -         -
ov-revoked    revoke    revoke    -         -
ov-rejected   reject    reject    -         -
ov-pending    -         reopen    reopen*   reopen*
ov-teams      -         -         -         -
member        -         -         -         -
none          ?reject   ?revoke   -         -
"""
LIVE = ("pending", "approved", "revoked", "rejected")
CELLS = [
    (source, live, cell)
    for source, *cells in (line.split() for line in TABLE.strip().splitlines())
    for live, cell in zip(LIVE, cells, strict=True)
]
AFTER = {"approve": "approved", "reject": "rejected", "revoke": "revoked", "reopen": "pending"}
POLICIES: list[tuple[Literal["keep", "rejected"], Literal["keep", "revoked"]]] = list(
    product(("keep", "rejected"), ("keep", "revoked"))
)


def status_changes(plan: PortalPlan) -> list[Change]:
    return [change for change in plan.changes if change.op in AFTER]


@pytest.mark.parametrize(("source", "live", "cell"), CELLS)
def test_every_cell(source: str, live: str, cell: str) -> None:
    for (pending, approved), reinstate in product(POLICIES, (False, True)):
        policy = Policy(
            reinstate=reinstate, unmatched_pending=pending, unmatched_approved=approved, unmatched_why=UNMATCHED
        )
        plan = planned(portal(policy=policy, **RULES[source]), snapshot(developer(ANN, live)))
        kept = cell.startswith("?") and {"pending": pending, "approved": approved}[live] == "keep"
        held = cell.endswith("*") and not reinstate
        assert [notice.code for notice in plan.notices if notice.code == "withheld"] == ["withheld"] * held
        if cell == "-" or kept or held:
            assert status_changes(plan) == []
        else:
            assert_cell(source, live, cell, status_changes(plan))


def assert_cell(source: str, live: str, cell: str, changes: list[Change]) -> None:
    wanted = cell.strip("*?")
    (change,) = changes
    assert (change.op, change.before, change.after) == (wanted, {"status": live}, {"status": AFTER[wanted]})
    onboards = "onboard" if wanted == "approve" else "offboard"
    assert change.op_class == ("reinstate" if cell.endswith("*") else onboards)
    assert where(change) == [(RULE_OF[source], FILE, LINES[RULE_OF[source]])]  # type: ignore[index]


def test_the_built_in_policy_is_the_only_reason_without_a_place() -> None:
    plan = planned(portal(policy=Policy(unmatched_pending="rejected")), snapshot(developer(ANN, "pending")))
    assert where(plan.changes[0]) == [("policy", None, None)]


@pytest.mark.parametrize(
    ("general", "own", "op"), [(False, True, ["approve"]), (True, False, []), (True, None, ["approve"])]
)
def test_an_overrides_own_reinstate_goes_before_the_policys(general: bool, own: bool | None, op: list[str]) -> None:
    manifest = portal(policy=Policy(reinstate=general), overrides=(override(ANN, "approved", reinstate=own),))
    assert [change.op for change in planned(manifest, snapshot(developer(ANN, "revoked"))).changes] == op


def test_an_override_without_status_may_allow_to_reinstate_what_the_domain_approves() -> None:
    manifest = portal(trusted_domains=(trusted("city.com"),), overrides=(override(ANN, teams=[], reinstate=True),))
    (change,) = planned(manifest, snapshot(developer(ANN, "revoked"))).changes
    assert (change.op, change.op_class, where(change)[0][0]) == ("approve", "reinstate", "trusted_domains")


@pytest.mark.parametrize("live", LIVE)
def test_a_withheld_person_is_shown_with_the_rule(live: str) -> None:
    manifest = portal(trusted_domains=(trusted("city.com", line=12),))
    held = [n for n in planned(manifest, snapshot(developer(ANN, live))).notices if n.code == "withheld"]
    assert [(n.developer, n.file, n.line) for n in held] == (
        [(ANN, FILE, 12)] if live in {"revoked", "rejected"} else []
    )


# Rank


@pytest.mark.parametrize(
    ("status", "op"), [("approved", "approve"), ("pending", None), ("revoked", "revoke"), ("rejected", "reject")]
)
def test_an_override_goes_before_denied_and_trusted_domains(status: Any, op: str | None) -> None:
    for rules in (
        {"denied_domains": (denied("city.com"),)},
        {"trusted_domains": (trusted("city.com"),)},
    ):
        plan = planned(portal(overrides=(override(ANN, status),), **rules), snapshot(developer(ANN, "pending")))
        assert [(change.op, where(change)[0][0]) for change in plan.changes] == ([(op, "overrides")] if op else [])


@pytest.mark.parametrize(
    ("denial", "trust"),
    [
        (denied("city.com"), trusted("city.com")),
        (denied("city.com", subdomains=True), trusted("city.com")),
        (denied("city.com"), trusted("com", subdomains=True)),
    ],
)
def test_a_denied_domain_goes_before_a_trusted_one(denial: Any, trust: TrustedDomain) -> None:
    manifest = portal(denied_domains=(denial,), trusted_domains=(trust,))
    assert [c.op for c in planned(manifest, snapshot(developer(ANN, "pending"))).changes] == ["reject"]


def test_rank_holds_whatever_the_domains_cover() -> None:
    """A denied parent beats a trusted child: rank is for status, the most specific only among rules of a kind."""
    manifest = portal(
        denied_domains=(denied("city.com", subdomains=True),), trusted_domains=(trusted("uk.city.com"),)
    )
    assert [c.op for c in planned(manifest, snapshot(developer("a@uk.city.com", "pending"))).changes] == ["reject"]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("a@city.com", 1),
        ("a@uk.city.com", 2),
        ("a@deep.uk.city.com", 1),  # uk.city.com is not for its subdomains
        ("a@north.city.com", 3),
        ("a@deep.north.city.com", 3),
        ("a@xcity.com", None),
        ("a@city.com.evil.net", None),
        ("a@flat.com", 4),
        ("a@sub.flat.com", None),
    ],
)
def test_the_most_specific_domain_wins_and_subdomains_are_asked_for(address: str, line: int | None) -> None:
    manifest = portal(
        trusted_domains=(
            trusted("city.com", line=1, subdomains=True),
            trusted("uk.city.com", line=2),
            trusted("north.city.com", line=3, subdomains=True),
            trusted("flat.com", line=4),
        )
    )
    changes = planned(manifest, snapshot(developer(address, "pending"))).changes
    assert [(change.op, change.why[0].line) for change in changes] == ([("approve", line)] if line else [])


def test_the_most_specific_denied_domain_is_the_reason() -> None:
    manifest = portal(denied_domains=(denied("city.com", line=1, subdomains=True), denied("uk.city.com", line=2)))
    assert [c.why[0].line for c in planned(manifest, snapshot(developer("a@uk.city.com"))).changes] == [2]


# Identity


@pytest.mark.parametrize("spelling", ["ANN@City.com", "Ann@CITY.COM", "ann@city。com"])
def test_other_spellings_of_an_address_are_the_same_person(spelling: str) -> None:
    approve = planned(portal(overrides=(override(ANN, "approved"),)), snapshot(developer(spelling, "pending")))
    revoke = planned(portal(overrides=(override(ANN, "revoked"),)), snapshot(developer(spelling)))
    assert ids((*approve.changes, *revoke.changes)) == [f"approve:{spelling}", f"revoke:{spelling}"]


SUSPECT = [
    "ann+x@city.com",
    "ANN+1+2@City.com",
    ' "Ann"@city.com',
    "<ann@city.com.>",
    "ann @city.com",
    "(x)ann@city.com",
]


@pytest.mark.parametrize("spelling", SUSPECT)
@pytest.mark.parametrize(("status", "op"), [("revoked", "revoke"), ("rejected", "reject")])
def test_a_denial_covers_tagged_and_malformed_spellings(spelling: str, status: Any, op: str) -> None:
    manifest = portal(overrides=(override(ANN, status),), trusted_domains=(trusted("city.com"),))
    changes = planned(manifest, snapshot(developer(spelling), developer("bob@city.com", "pending"))).changes
    assert ids(changes) == ["approve:bob@city.com", f"{op}:{spelling}"]


@pytest.mark.parametrize("spelling", SUSPECT)
def test_a_grant_is_for_one_exact_address(spelling: str) -> None:
    manifest = portal(overrides=(override(ANN, "approved", ["reds"]),), teams=(team("reds", [ANN]),), protected=())
    live = snapshot(developer(spelling, "pending"), teams={"reds": []})
    assert planned(manifest, live).changes == ()


def test_a_denial_of_an_address_beats_a_grant_to_its_tagged_form() -> None:
    manifest = portal(
        overrides=(override(ANN, "revoked"), override("ann+x@city.com", "approved", ["reds"])),
        teams=(team("reds", ["ann+x@city.com"]),),
    )
    assert ids(planned(manifest, snapshot(developer("ann+x@city.com"), teams={"reds": []})).changes) == [
        "revoke:ann+x@city.com"
    ]


def test_a_denial_of_a_tagged_form_is_for_that_form() -> None:
    manifest = portal(overrides=(override("ann+x@city.com", "revoked"),))
    assert ids(planned(manifest, snapshot(developer(ANN), developer("ann+x@city.com"))).changes) == [
        "revoke:ann+x@city.com"
    ]


@pytest.mark.parametrize("spelling", ['"x"@city.com', "x@city.com.", "x@@city.com", "x@a@city.com", "ä@city.com"])
def test_a_malformed_address_gets_nothing_from_a_domain_and_is_not_spared_by_its_denial(spelling: str) -> None:
    trust = planned(
        portal(trusted_domains=(trusted("city.com", "reds"),), teams=(team("reds"),)),
        snapshot(developer(spelling, "pending"), teams={"reds": []}),
    )
    assert trust.changes == ()
    assert [(n.code, n.developer) for n in trust.notices] == [("malformed_address", spelling)]
    denial = planned(portal(denied_domains=(denied("city.com"),)), snapshot(developer(spelling)))
    assert ids(denial.changes) == [f"revoke:{spelling}"]


def test_a_person_without_an_address_is_left_to_the_policy() -> None:
    nobody = developer(None, "pending", id="n-1")
    plan = planned(portal(policy=Policy(unmatched_pending="rejected")), snapshot(nobody))
    assert [(c.id, c.developer.email if c.developer else "") for c in plan.changes] == [("reject:n-1", None)]


def test_two_people_with_one_address_get_nothing_and_lose_nothing_by_it() -> None:
    manifest = portal(
        policy=Policy(unmatched_pending="rejected", unmatched_approved="revoked"),
        trusted_domains=(trusted("city.com", "reds"),),
        teams=(team("reds", membership="exclusive"),),
    )
    live = snapshot(
        developer(ANN, "pending", "1"),
        developer("Ann@city.com", "approved", "2"),
        developer("bob@city.com", "pending"),
        teams={"reds": ["2"]},
    )
    plan = planned(manifest, live)
    assert ids(plan.changes) == ["add_member:bob@city.com:reds", "approve:bob@city.com"]
    assert sorted(n.developer or "" for n in plan.notices if n.code == "ambiguous_address") == ["Ann@city.com", ANN]


@pytest.mark.parametrize("rules", ["denied", "ov-revoked"])
def test_ambiguity_never_blocks_a_denial(rules: str) -> None:
    plan = planned(portal(**RULES[rules]), snapshot(developer(ANN, id="1"), developer(ANN, id="2")))
    assert ids(plan.changes) == [f"revoke:{ANN}#1", f"revoke:{ANN}#2"]


def test_a_second_registration_does_not_save_a_team_that_an_override_leaves_out() -> None:
    manifest = portal(overrides=(override(ANN, teams=[]),), teams=(team("reds"),))
    live = snapshot(developer(ANN, id="1"), developer("ANN@city.com", "pending", "2"), teams={"reds": ["1"]})
    assert ids(planned(manifest, live).changes) == [f"remove_member:{ANN}:reds"]


@pytest.mark.parametrize("status", ["approved", "pending"])
@pytest.mark.parametrize("other", ["pin", "pending", "approved", "revoked"])
def test_a_blocked_person_is_not_reinstated(status: Any, other: str) -> None:
    rule = override(ANN, status, reinstate=True, id="another" if other == "pin" else None)
    others = [developer("ANN@city.com", other, "2")] if other != "pin" else []
    changes = planned(portal(overrides=(rule,)), snapshot(developer(ANN, "revoked", "1"), *others)).changes
    assert [change for change in changes if change.developer and change.developer.id == "1"] == []


def test_a_pin_lets_in_the_registration_it_names_and_no_other() -> None:
    rules: dict[str, Any] = {
        "trusted_domains": (trusted("city.com"),),
        "overrides": (override(ANN, "approved", ["reds"], id="ABC"),),
        "teams": (team("reds", [ANN]),),
    }
    meant = planned(portal(**rules), snapshot(developer(ANN, "pending", "abc"), teams={"reds": []}))
    assert ids(meant.changes) == [f"add_member:{ANN}:reds", f"approve:{ANN}"]
    other = planned(portal(**rules), snapshot(developer(ANN, "pending", "xyz"), teams={"reds": []}))
    assert other.changes == ()
    assert [(n.code, n.developer) for n in other.notices] == [("pin_mismatch", ANN)]


TRUSTING: dict[str, Any] = {"trusted_domains": (trusted("city.com", "reds"),), "teams": (team("reds"),)}
TWIN = "ANN@City.com"
# What a trusted domain does for a pending and for an approved account, and to its twin, by the twin's status.
SHARED = [
    ("pending", "pending", []),
    ("pending", "approved", []),
    ("pending", "suspended", []),
    ("pending", "revoked", []),
    ("pending", "rejected", [f"approve:{ANN}", f"add_member:{ANN}:reds"]),
    ("approved", "pending", []),
    ("approved", "revoked", []),
    ("approved", "rejected", [f"add_member:{ANN}:reds"]),
    ("revoked", "pending", []),
    ("revoked", "rejected", [f"approve:{ANN}", f"add_member:{ANN}:reds"]),
    ("rejected", "rejected", []),
    ("rejected", "revoked", [f"approve:{TWIN}", f"add_member:{TWIN}:reds"]),
]


@pytest.mark.parametrize(("status", "twin", "wanted"), SHARED)
def test_what_an_account_gets_beside_another_of_its_address(status: str, twin: str, wanted: list[str]) -> None:
    rules = portal(policy=Policy(reinstate=True), **TRUSTING)
    live = snapshot(
        developer(ANN, status, "1"), developer(TWIN, twin, "2"), developer("bob@city.com"), teams={"reds": []}
    )
    assert sorted(ids(planned(rules, live).changes)) == sorted([*wanted, "add_member:bob@city.com:reds"])


@pytest.mark.parametrize("status", ["pending", "approved", "revoked", "rejected"])
@pytest.mark.parametrize("twin", ["pending", "approved", "revoked", "rejected", "suspended"])
def test_an_override_with_an_id_decides_for_that_account_alone_whatever_the_others_are(
    status: str, twin: str
) -> None:
    forms: list[dict[str, Any]] = [{"status": "approved"}, {"teams": ["reds"]}]
    for keys in forms:
        rule = override(ANN, id="1", reinstate=True, **keys)
        rules = portal(policy=Policy(reinstate=True), overrides=(rule,), **TRUSTING)
        live = snapshot(developer(ANN, status, "1"), developer(TWIN, twin, "2"), teams={"reds": []})
        approved = [] if status == "approved" else [f"approve:{ANN}"]
        assert ids(planned(rules, live).changes) in (
            [*approved, f"add_member:{ANN}:reds"],
            [f"add_member:{ANN}:reds", *approved],
        )


@pytest.mark.parametrize("status", ["revoked", "rejected", "absent"])
def test_a_denial_with_an_id_is_for_that_account_alone(status: Any) -> None:
    rules = portal(overrides=(override(ANN, status, id="2"),), **TRUSTING)
    twins = snapshot(developer(ANN, "approved", "1"), developer(TWIN, "approved", "2"), teams={"reds": ["1", "2"]})
    found = difference(rules, twins).changes
    assert {finding.developer.id for finding in found if finding.developer} == {"2"}
    gone = snapshot(developer(ANN, "pending", "1"), teams={"reds": []})
    assert planned(rules, gone).changes == (), "whose account has not the id is granted nothing: it may be a slip"
    assert [notice.code for notice in planned(rules, gone).notices] == ["pin_mismatch"]


def test_who_is_beside_a_pinned_account_keeps_what_they_have() -> None:
    policy = Policy(unmatched_pending="rejected", unmatched_approved="revoked")
    forms: list[dict[str, Any]] = [{"status": "approved"}, {"status": "pending"}, {"teams": []}]
    for keys in forms:
        rule = override(ANN, id="1", **keys)
        rules = portal(policy=policy, overrides=(rule,), teams=(team("reds", [ANN], "exclusive"), team("blues")))
        live = snapshot(developer(TWIN, "approved", "2"), teams={"reds": ["2"], "blues": ["2"]})
        assert planned(rules, live).changes == ()


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (TRUSTING, f'add to `overrides`: - {{developer: {ANN}, id: id-1, status: approved, reason: "…"}}'),
        (
            {"teams": (team("red, hot", [ANN]),)},
            f'add to `overrides`: - {{developer: {ANN}, id: id-1, teams: ["red, hot"], reason: "…"}}',
        ),
        ({"overrides": (override(ANN, "approved"),)}, "add `id: id-1` to its override"),
    ],
)
def test_the_notice_of_a_shared_address_has_the_line_that_decides(rules: dict[str, Any], line: str) -> None:
    for status, code in (("pending", "ambiguous_address"), ("revoked", "withheld")):
        live = snapshot(
            developer(TWIN, "pending", "id-1"), developer(ANN, status, "2"), developer("bob@x.com", "pending")
        )
        (told,) = [notice for notice in planned(portal(**rules), live).notices if notice.developer == TWIN]
        assert (told.code, told.severity) == (code, "warning")
        assert told.message.endswith(f"if this is the right account, {line}")
        assert f"(2 ({status}))" in told.message
        assert (told.file, told.line) == ((FILE, 50) if "overrides" in rules else (None, None))


def test_many_accounts_of_one_address_are_counted_and_not_listed() -> None:
    spellings = [TWIN[:n].swapcase() + TWIN[n:] for n in range(1, 8)]
    live = snapshot(*(developer(item, "pending", str(n)) for n, item in enumerate(spellings)))
    told = planned(portal(**TRUSTING), live).notices
    assert {finding.message for finding in told} == {
        "another account with this address is pending or approved, so no rule grants it anything; list all 7: "
        f"portalctl explain {ANN}"
    }


def test_an_address_that_no_rule_matches_is_not_blocked_for_being_shared() -> None:
    live = snapshot(developer(ANN, "pending", "1"), developer(TWIN, "pending", "2"))
    assert planned(portal(), live).notices == ()


@pytest.mark.parametrize("rules", list(RULES))
def test_an_unknown_status_is_left_alone_and_said(rules: str) -> None:
    policy = Policy(unmatched_pending="rejected", unmatched_approved="revoked", reinstate=True)
    plan = planned(portal(policy=policy, **RULES[rules]), snapshot(developer(ANN, "suspended"), teams={"reds": []}))
    assert plan.changes == ()
    assert [(n.code, n.developer) for n in plan.notices] == [("unknown_status", ANN)]


def test_people_of_one_domain_share_one_decision() -> None:
    """A million people must not mean a million reasons."""
    manifest = portal(trusted_domains=(trusted("city.com"),))
    found = difference(manifest, snapshot(*(developer(f"{n}@city.com", "revoked") for n in range(3))))
    held = found.observations.of(Withheld)
    assert len({id(item.decision) for item in held}) == 1
    assert held[0].decision.why == (Reason.of("trusted_domains", "city.com", manifest.trusted_domains[0].why.at),)
