"""What rules that rest on groups yield, with plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.difference import Difference
from portalctl.changes.observations import UnsureGroup
from portalctl.changes.planning import compare
from portalctl.directories.protocol import DirectoryError, Group, Identity
from portalctl.directories.reading import Filter, GroupReading, reading_of
from portalctl.errors import Position
from portalctl.manifest.group_rules import MemberGroup, TrustedGroup
from portalctl.manifest.model import Directory, PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.reason import Reason
from portalctl.rules.groups import Groups
from tests.changes.build import (
    FILE,
    TODAY,
    YESTERDAY,
    denied,
    developer,
    member,
    override,
    portal,
    snapshot,
    team,
    trusted,
)

CORP = Directory("corp", "scim", Reason.of("directories", "corp", Position(FILE, 3, 1)))
ANYBODY = Filter()
READ_AT = "2026-06-15T08:00:00Z"


def why(rule: str, value: str, line: int) -> Reason:
    return Reason.of(rule, value, Position(FILE, line, 5))


def trusted_group(group: str = "partners", *teams: str, **more: Any) -> TrustedGroup:
    return TrustedGroup("corp", group, why("trusted_groups", f"corp/{group}", 12), teams=teams, **more)


def member_group(group: str = "devs", **more: Any) -> MemberGroup:
    return MemberGroup("corp", group, why("members", f"corp/{group}", 32), **more)


def manifest(**keys: Any) -> PortalManifest:
    return portal(directories={"corp": CORP}, **keys)


def group(*identities: Identity | str, name: str = "partners") -> Group:
    """Of a text, `ann@city.example` is an identity with this address; `-` before it: a disabled one."""
    made = tuple(
        one
        if isinstance(one, Identity)
        else Identity(f"i-{one.removeprefix('-')}", (one.removeprefix("-"),), not one.startswith("-"))
        for one in identities
    )
    return Group(f"g-{name}", name, made, READ_AT)


def reading(*identities: Identity | str, name: str = "partners", keep: Filter = ANYBODY) -> GroupReading:
    return reading_of(group(*identities, name=name), "corp", name, keep)


def groups(*readings: GroupReading, **more: Any) -> Groups:
    return Groups({(one.directory, one.asked): one for one in readings}, **more)


def changes(found: Difference) -> list[str]:
    return [change.id for change in found.changes]


def compared(rules: PortalManifest, live: Snapshot, read: Groups) -> Difference:
    return compare(rules, live, TODAY, read)


GRANTS = {"approve", "add_member"}
ANN, BOB = "ann@city.example", "bob@city.example"


# --- what a group is, once it was read ---


def test_addresses_are_sorted_by_what_becomes_of_them() -> None:
    found = reading(
        Identity("1", ("Ann@City.example", "ann@gmail.com", "not an address")),
        Identity("2", ("bob@city.example",), active=False),
        Identity("3", ("bob@city.example",), via=("inner",)),
        Identity("4", ("eve@city.example",)),
        Identity("5", ("EVE@city.example",)),
    )
    assert {address: one.identity for address, one in found.members.items()} == {
        ANN: "1",
        BOB: "3",
        "eve@city.example": "4",
    }
    assert found.shared == {"eve@city.example"}
    counts = found.counts
    assert (counts.active, counts.disabled, counts.usable) == (4, 1, 4)
    assert (counts.ignored, counts.malformed) == (1, 1)
    assert counts.domains == {"city.example": 4}
    assert found.members[BOB].via == ("inner",)


def test_of_a_directory_with_domains_only_their_addresses_count() -> None:
    found = reading("ann@city.example", "bob@other.example", "c@gmail.com", keep=Filter(("other.example",)))
    assert set(found.members) == {"bob@other.example"}
    assert found.counts.usable == 1


def test_an_identity_without_an_address_fails_the_reading() -> None:
    bare = Identity("17", ())
    with pytest.raises(DirectoryError, match="1 identity without an address, such as 17"):
        reading(ANN, bare)
    assert reading(ANN, bare, keep=Filter(ignore_without_address=True)).counts.without_address == 1
    reading(ANN, replace(bare, active=False))  # a disabled one counts as absent anyway


def test_a_narrowed_reading_keeps_its_figures_and_no_other_address() -> None:
    found = reading("ann@city.example", "bob@city.example").narrowed({ANN})
    assert (set(found.members), found.counts.active) == ({ANN}, 2)


# --- approvals and teams ---


def test_a_trusted_group_approves_and_assigns_teams_with_its_reason() -> None:
    rules = manifest(trusted_groups=(trusted_group("partners", "red"),), teams=(team("red"),))
    live = snapshot(developer(ANN, "pending"), developer(BOB, "pending"), teams={"red": ()})
    found = compared(rules, live, groups(reading(Identity("17", (ANN,), via=("inner",)))))
    assert changes(found) == [f"add_member:{ANN}:red", f"approve:{ANN}"]
    (reason,) = found.changes[1].why
    assert (reason.rule, reason.value, reason.line) == ("trusted_groups", "corp/partners", 12)
    assert (reason.directory, reason.group, reason.group_name) == ("corp", "g-partners", "partners")
    assert (reason.identity, reason.via, reason.observed_at) == ("17", ("inner",), READ_AT)


def test_a_group_ranks_like_a_domain_below_denials_and_overrides() -> None:
    rules = manifest(
        trusted_groups=(trusted_group(),),
        denied_domains=(denied("evil.example"),),
        overrides=(override(BOB, "revoked"),),
    )
    live = snapshot(
        developer("eve@evil.example", "pending"), developer(BOB, "approved"), developer("bob+x@city.example")
    )
    found = compared(rules, live, groups(reading("eve@evil.example", BOB, "bob+x@city.example")))
    assert changes(found) == ["reject:eve@evil.example", "revoke:bob+x@city.example", f"revoke:{BOB}"]


def test_team_sources_add_up() -> None:
    rules = manifest(
        trusted_domains=(trusted("city.example", "red"),),
        trusted_groups=(trusted_group("partners", "green"),),
        member_groups=(("blue", member_group()),),
        teams=(team("red", membership="exclusive"), team("green"), team("blue", [])),
    )
    live = snapshot(developer(ANN), teams={"red": (), "green": (), "blue": ()})
    found = compared(rules, live, groups(reading(ANN), reading(ANN, name="devs")))
    assert {change.team for change in found.changes} == {"red", "green", "blue"}


def test_a_group_list_gives_membership_and_never_approval() -> None:
    rules = manifest(member_groups=(("red", member_group()),), teams=(team("red", []),))
    live = snapshot(developer(ANN, "pending"), developer(BOB), teams={"red": ()})
    found = compared(rules, live, groups(reading(ANN, BOB, name="devs")))
    assert changes(found) == [f"add_member:{BOB}:red"]
    assert found.observations.figures()["awaited"] == 1


def test_a_disabled_identity_counts_as_absent() -> None:
    rules = manifest(trusted_groups=(trusted_group(),))
    assert changes(compared(rules, snapshot(developer(ANN, "pending")), groups(reading(f"-{ANN}", BOB)))) == []


def test_an_override_with_teams_is_complete() -> None:
    rules = manifest(
        trusted_groups=(trusted_group("partners", "red"),),
        overrides=(override(ANN, teams=["green"]),),
        teams=(team("red"), team("green")),
    )
    live = snapshot(developer(ANN), teams={"red": (ANN,), "green": ()})
    assert changes(compared(rules, live, groups(reading(ANN)))) == [
        f"add_member:{ANN}:green",
        f"remove_member:{ANN}:red",
    ]


# --- removals ---

EXCLUSIVE = {"teams": (team("red", [], membership="exclusive"),), "member_groups": (("red", member_group()),)}


def test_who_left_the_group_leaves_an_exclusive_team_with_the_group_as_reason() -> None:
    live = snapshot(
        developer(ANN), developer(BOB), developer("c@city.example"), teams={"red": (ANN, BOB, "c@city.example")}
    )
    found = compared(manifest(**EXCLUSIVE), live, groups(reading(ANN, f"-{BOB}", name="devs")))
    assert changes(found) == [f"remove_member:{BOB}:red", "remove_member:c@city.example:red"]
    assert [change.why[0].reason for change in found.changes] == ["disabled in corp/devs", "not in corp/devs"]
    assert {change.op_class for change in found.changes} == {"offboard"}


def test_leaving_a_trusted_group_takes_no_approval_away() -> None:
    found = compared(manifest(trusted_groups=(trusted_group(),)), snapshot(developer(BOB)), groups(reading(ANN)))
    assert changes(found) == []
    assert [one.kind for one in found.observations.disagreements()] == ["unruled_grant"]


AUTHORITY = {"trusted_groups": (trusted_group(authoritative_for=("city.example",)),)}


def test_an_authority_revokes_approved_developers_who_are_in_no_group() -> None:
    live = snapshot(
        developer(ANN),
        developer(BOB),
        developer("new@city.example", "pending"),
        developer("other@uk.city.example"),
        developer("kept@city.example"),
    )
    rules = manifest(**AUTHORITY, overrides=(override("kept@city.example", teams=()),))
    found = compared(rules, live, groups(reading(ANN)))
    assert changes(found) == [f"revoke:{BOB}"]
    assert (found.changes[0].op_class, found.changes[0].why[0].reason) == ("offboard", "not in corp/partners")


def test_pending_sign_ups_of_an_authority_follow_the_policy() -> None:
    rules = manifest(**AUTHORITY)
    rules = replace(rules, policy=replace(rules.policy, unmatched_pending="rejected"))
    assert changes(compared(rules, snapshot(developer(BOB, "pending")), groups(reading(ANN)))) == [f"reject:{BOB}"]


def test_a_second_trusted_group_or_its_own_protects_from_an_authority() -> None:
    rules = manifest(trusted_groups=(*AUTHORITY["trusted_groups"], trusted_group("staff")))
    found = compared(rules, snapshot(developer(BOB)), groups(reading(ANN), reading(BOB, name="staff")))
    assert changes(found) == []


def test_an_expired_group_revokes_what_only_it_gave_as_a_reviewed_removal() -> None:
    rules = manifest(trusted_groups=(trusted_group("partners", "red", expires=YESTERDAY),), teams=(team("red"),))
    live = snapshot(developer(ANN), developer(BOB), teams={"red": (ANN, BOB)})
    found = compared(rules, live, groups(reading(ANN)))
    assert changes(found) == [f"revoke:{ANN}", f"remove_member:{ANN}:red"]
    assert {change.op_class for change in found.changes} == {"offboard"}
    assert {change.drift_kind(entering=False) for change in found.changes} == {"expired"}


def test_an_expired_authority_ends() -> None:
    rules = manifest(trusted_groups=(replace(AUTHORITY["trusted_groups"][0], expires=YESTERDAY),))
    assert changes(compared(rules, snapshot(developer(BOB)), groups(reading(ANN)))) == []


# --- groups that are not known well enough ---


def refusals(found: Difference) -> list[str]:
    return [refusal.code for refusal in found.observations.refusals()]


def codes(found: Difference) -> set[str]:
    return {item.fault.code for item in found.observations.of(UnsureGroup)}


@pytest.mark.parametrize(
    ("rule", "identities", "refused"),
    [
        (trusted_group(), [], True),
        (trusted_group(), [f"-{ANN}"], True),
        (trusted_group(), ["ann@gmail.com"], True),
        (trusted_group(minimum=2), [ANN], True),
        (trusted_group(minimum=2), [ANN, BOB], False),
        (trusted_group(allow_empty=True), [], False),
        (trusted_group(minimum=2, allow_empty=True), [], False),
        (trusted_group(minimum=2, allow_empty=True), [ANN], True),
        (trusted_group(domains=("other.example",)), [ANN], True),
    ],
)
def test_an_empty_or_small_group_refuses_the_portal(rule: TrustedGroup, identities: list[str], refused: bool) -> None:
    found = compared(manifest(trusted_groups=(rule,)), snapshot(), groups(reading(*identities)))
    assert refusals(found) == (["group_small"] if refused else [])


def test_above_its_maximum_a_rule_makes_no_new_grants_and_takes_nothing() -> None:
    rules = manifest(trusted_groups=(trusted_group("partners", "red", maximum=1),), teams=(team("red"),))
    live = snapshot(developer(ANN, "pending"), developer(BOB), teams={"red": (BOB,)})
    found = compared(rules, live, groups(reading(ANN, BOB)))
    assert (changes(found), codes(found)) == ([], {"group_over_maximum"})
    within = replace(rules.trusted_groups[0], maximum=2)
    assert changes(compared(replace(rules, trusted_groups=(within,)), live, groups(reading(ANN, BOB))))


def test_an_address_of_two_identities_is_granted_nothing_and_loses_nothing() -> None:
    twice = (Identity("1", (ANN,)), Identity("2", (ANN,)), Identity("3", (BOB,)))
    rules = manifest(**EXCLUSIVE, **AUTHORITY)
    read = groups(reading(*twice), reading(*twice, name="devs"))
    assert changes(compared(rules, snapshot(developer(ANN, "pending"), teams={"red": ()}), read)) == []
    assert changes(compared(rules, snapshot(developer(ANN), teams={"red": (ANN,)}), read)) == []
    assert changes(compared(rules, snapshot(developer(BOB), teams={"red": ()}), read)) == [f"add_member:{BOB}:red"]


def test_developers_of_one_identity_are_both_members() -> None:
    rules = manifest(trusted_groups=(trusted_group(),))
    live = snapshot(developer(ANN, "pending"), developer(BOB, "pending"))
    found = compared(rules, live, groups(reading(Identity("1", (ANN, BOB)))))
    assert changes(found) == [f"approve:{ANN}", f"approve:{BOB}"]


def test_a_directory_that_was_left_out_removes_nobody_and_grants_nothing() -> None:
    rules = manifest(**EXCLUSIVE, **AUTHORITY)
    rules = replace(rules, policy=replace(rules.policy, unmatched_approved="revoked", unmatched_pending="rejected"))
    live = snapshot(developer(ANN), developer(BOB, "pending"), teams={"red": (ANN,)})
    found = compared(rules, live, Groups(unread={"corp": "--without-directory"}, lenient=True))
    assert (changes(found), codes(found)) == ([], {"group_unread"})
    assert list(found.observations.disagreements()) == []


def test_without_any_reading_nothing_is_removed_either() -> None:
    rules = manifest(**EXCLUSIVE, **AUTHORITY)
    live = snapshot(developer(ANN), teams={"red": (ANN,)})
    assert changes(compare(rules, live, TODAY)) == []


def test_everything_else_is_done_while_a_directory_is_left_out() -> None:
    rules = manifest(
        **EXCLUSIVE,
        trusted_domains=(trusted("fine.example"),),
        denied_domains=(denied("evil.example"),),
    )
    live = snapshot(
        developer("a@fine.example", "pending"),
        developer("e@evil.example"),
        teams={"red": ("e@evil.example",)},
    )
    found = compared(rules, live, Groups(unread={"corp": "--without-directory"}, lenient=True))
    assert changes(found) == ["approve:a@fine.example", "revoke:e@evil.example", "remove_member:e@evil.example:red"]


def test_a_lapsed_domain_takes_nothing_from_who_may_be_in_an_unread_group() -> None:
    rules = manifest(
        trusted_domains=(trusted("city.example", "red", expires=YESTERDAY),),
        trusted_groups=(trusted_group("partners", "red"),),
        teams=(team("red"),),
    )
    live = snapshot(developer(ANN), teams={"red": (ANN,)})
    assert changes(compared(rules, live, Groups())) == []
    assert changes(compared(rules, live, groups(reading(BOB)))) == [f"revoke:{ANN}", f"remove_member:{ANN}:red"]
    assert changes(compared(rules, live, groups(reading(ANN)))) == []


@pytest.mark.parametrize("identities", [[], ["one@city.example"]])
def test_leniently_a_small_group_grants_to_its_members_and_removes_nobody(identities: list[str]) -> None:
    rules = manifest(
        trusted_groups=(trusted_group(minimum=2, authoritative_for=("city.example",)),),
        teams=(team("red", [], membership="exclusive"),),
        member_groups=(("red", member_group(minimum=2)),),
    )
    live = snapshot(developer(ANN), developer("one@city.example", "pending"), teams={"red": (ANN,)})
    read = groups(reading(*identities), reading(*identities, name="devs"), lenient=True)
    found = compared(rules, live, read)
    assert refusals(found) == []
    assert all(change.op in GRANTS for change in found.changes)
    assert bool(found.changes) == bool(identities)


people = st.lists(st.sampled_from(["ann", "bob", "eve", "dan"]), unique=True)
statuses = st.dictionaries(
    st.sampled_from(["ann", "bob", "eve", "dan"]), st.sampled_from(["pending", "approved", "revoked"])
)


@given(members=people, devs=people, off=people, live=statuses, inside=people, is_authority=st.booleans())
def test_whatever_was_read_only_certain_members_gain_and_only_absent_ones_lose(
    *,
    members: list[str],
    devs: list[str],
    off: list[str],
    live: dict[str, str],
    inside: list[str],
    is_authority: bool,
) -> None:
    def of(names: list[str], name: str) -> GroupReading:
        return reading(*(f"{'-' if one in off else ''}{one}@city.example" for one in names), name=name)

    rules = manifest(**EXCLUSIVE, **(AUTHORITY if is_authority else {"trusted_groups": (trusted_group(),)}))
    there = [developer(f"{name}@city.example", status) for name, status in live.items()]
    seen = snapshot(*there, teams={"red": [f"{name}@city.example" for name in inside if name in live]})
    found = compared(rules, seen, groups(of(members, "partners"), of(devs, "devs")))
    for change in found.changes:
        name = change.developer.name.partition("@")[0] if change.developer else ""
        source = members if change.team is None else devs
        if change.op in GRANTS:
            assert name in source
            assert name not in off
        else:
            assert name not in source or name in off or live[name] == "revoked" or name not in members


def test_a_named_member_stays_in_the_team_that_a_group_feeds() -> None:
    rules = manifest(
        teams=(team("red", [member(BOB)], membership="exclusive"),), member_groups=(("red", member_group()),)
    )
    live = snapshot(developer(ANN), developer(BOB), teams={"red": (ANN, BOB)})
    assert changes(compared(rules, live, groups(reading("x@city.example", name="devs")))) == [
        f"remove_member:{ANN}:red"
    ]
