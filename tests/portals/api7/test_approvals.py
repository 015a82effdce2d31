"""Which approval is whose: what is not provable is nobody's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.portals.api7.approvals import Place, tie
from portalctl.portals.api7.records import Approval, DeveloperRecord

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

PLACE = Place("p1", "Partners", unique=True)
ANN = DeveloperRecord("i-ann", "org_ann", "ann", "Ann", "ann@x.com", state="Pending")
BOB = DeveloperRecord("i-bob", "org_bob", "bob", "Bob", "bob@x.com", state="Pending")
EVE = DeveloperRecord("i-eve", "org_eve", "eve", "Eve", "eve@x.com", state="Active")


def approval(id: str = "a1", **fields: Any) -> Approval:
    base = Approval(id, "developer_registration", "pending", "developer", portal_id="p1", portal_name="Partners")
    return replace(base, **fields)


def tied(developers: list[DeveloperRecord], *approvals: Approval, place: Place = PLACE) -> dict[str, str]:
    return {developer: found.id for developer, found in tie(place, developers, approvals).approvals.items()}


@pytest.mark.parametrize(
    "fields",
    [
        {"applicant_id": "i-ann"},
        {"resource_id": "i-ann"},
        {"applicant_id": "org_ann"},
        {"resource_id": "org_ann", "applicant_id": "i-ann"},
        {"applicant_name": "org_ann"},
        {"applicant_name": "ann"},
        {"resource_name": "ann@x.com"},
        {"resource_name": "Ann", "applicant_name": "Ann"},
        {"applicant_name": "Ann", "applicant_id": "opaque"},
    ],
)
def test_each_way_to_name_a_person_ties_that_person(fields: dict[str, str]) -> None:
    assert tied([ANN, BOB, EVE], approval(**fields)) == {"i-ann": "a1"}


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({}, "no pending developer"),
        ({"applicant_name": "ANN"}, "no pending developer"),
        ({"applicant_name": "Eve"}, "not pending"),
        ({"applicant_name": ""}, "no pending developer"),
        ({"applicant_id": "i-eve", "applicant_name": "Ann"}, "not pending"),
        ({"applicant_id": "i-ann", "resource_id": "org_bob"}, "more than one"),
        ({"applicant_name": "Ann", "resource_name": "Bob"}, "more than one"),
    ],
)
def test_what_is_not_one_waiting_persons_is_nobodys(fields: dict[str, str], because: str) -> None:
    ties = tie(PLACE, [ANN, BOB, EVE], [approval(**fields)])
    assert ties.approvals == {}
    (untied,) = ties.untied
    assert because in untied.because


@pytest.mark.parametrize("id", ["..", "a/b", "a?x=1", ""])
def test_an_approval_that_cannot_be_decided_on_is_nobodys(id: str) -> None:
    assert tied([ANN], approval(id, applicant_id="i-ann")) == {}


@pytest.mark.parametrize("state", ["Pending", "Active", "Suspended"])
def test_a_name_of_two_people_is_nobodys_whether_both_wait_or_not(state: str) -> None:
    """Who does not wait may have an approval left over, and would be let in, or deleted, by it."""
    assert tied([ANN, replace(BOB, name="Ann", state=state)], approval(applicant_name="Ann")) == {}


def test_who_calls_themselves_by_the_address_of_another_gets_nobody_in() -> None:
    impostor = replace(BOB, name="ann@x.com")
    by_name = [approval("a1", applicant_name="Ann"), approval("a2", applicant_name="ann@x.com")]
    assert tied([ANN, impostor], *by_name) == {}
    assert tied([ANN], *by_name) == {}  # the impostor's account is not seen, the approval is
    # An id says whose the first is; the second has an id that nobody here has, so its name is a namesake's.
    by_id = [replace(by_name[0], applicant_id="i-ann"), replace(by_name[1], applicant_id="i-unseen")]
    assert tied([ANN], *by_id) == {"i-ann": "a1"}
    assert tied([ANN, EVE], replace(by_id[0], applicant_id="i-eve"), by_id[1]) == {}


def test_a_release_that_spells_its_words_otherwise_means_the_same() -> None:
    told = approval(event="DEVELOPER_REGISTRATION", status="Pending", resource_type="Developer", applicant_id="i-ann")
    assert tied([replace(ANN, state="PENDING")], told) == {"i-ann": "a1"}


def test_a_name_cannot_cast_doubt_on_an_id() -> None:
    assert tied([ANN], approval("a1", applicant_id="i-ann"), approval("a2", applicant_name="Ann")) == {"i-ann": "a1"}


def test_two_approvals_of_one_person_are_not_chosen_from() -> None:
    assert tied([ANN, BOB], approval("a1", applicant_id="i-ann"), approval("a2", resource_id="org_ann")) == {}
    assert tied([ANN, BOB], approval("a1", applicant_name="Ann"), approval("a2", applicant_name="ann")) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "api_product_subscription", "resource_type": "api_product"},
        {"event": "api_product_subscription"},
        {"event": None},
        {"status": "finished"},
        {"status": None},
        {"resource_type": "api_product"},
    ],
)
def test_only_pending_registrations_count(fields: dict[str, str | None]) -> None:
    ties = tie(PLACE, [ANN], [approval("a1", **{"applicant_id": "i-ann", **fields})])
    assert (ties.approvals, ties.untied) == ({}, ())


@pytest.mark.parametrize(
    ("fields", "place", "found", "told"),
    [
        ({"portal_id": "p2"}, PLACE, False, False),
        ({"portal_id": "p2", "portal_name": "Partners"}, PLACE, False, False),
        ({"portal_id": "p1", "portal_name": "Old name"}, PLACE, True, False),
        ({"portal_id": None}, PLACE, True, False),
        ({"portal_id": "", "portal_name": "Others"}, PLACE, False, False),
        ({"portal_id": None}, replace(PLACE, unique=False), False, True),
        ({"portal_id": None, "portal_name": None}, PLACE, False, True),
        ({"portal_id": None, "portal_name": ""}, replace(PLACE, name=""), False, True),
    ],
)
def test_the_portal_comes_first(fields: dict[str, str | None], place: Place, found: bool, told: bool) -> None:
    ties = tie(place, [ANN], [approval("a1", **{"applicant_id": "i-ann", **fields})])
    assert (bool(ties.approvals), bool(ties.untied)) == (found, told)


TEXTS = st.sampled_from(["a", "b", "c", "d", ""])
MAYBE = st.none() | TEXTS
NAMES = {"username": MAYBE, "name": MAYBE, "email": MAYBE, "state": st.sampled_from(["Pending", "Pending", "Active"])}
PEOPLE = st.lists(
    st.builds(DeveloperRecord, TEXTS, TEXTS, **NAMES), max_size=5, unique_by=lambda developer: developer.id
)
CLAIMS = {"applicant_id": MAYBE, "resource_id": MAYBE, "applicant_name": MAYBE, "resource_name": MAYBE}
APPROVALS = st.lists(
    st.builds(approval, TEXTS, portal_id=st.sampled_from(["p1", "p1", "p1", "p2", None]), **CLAIMS), max_size=5
)


def known_as(developer: DeveloperRecord) -> set[str | None]:
    return {developer.id, developer.developer_id, developer.username, developer.email, developer.name} - {"", None}


@given(PEOPLE, APPROVALS)
def test_a_tie_is_between_one_person_who_waits_and_one_approval_that_fits_nobody_else(
    developers: list[DeveloperRecord], approvals: list[Approval]
) -> None:
    ties = tie(PLACE, developers, approvals)
    found = list(ties.approvals.values())
    assert len({id(finding) for finding in found}) == len(found)
    for developer in developers:
        if developer.id not in ties.approvals:
            continue
        own = ties.approvals[developer.id]
        named = {own.applicant_id, own.resource_id, own.applicant_name, own.resource_name} - {"", None}
        assert developer.pending
        assert own.portal_id in {"p1", None}
        assert named & known_as(developer)
        by_id = {own.applicant_id, own.resource_id} - {"", None}
        others = [other for other in developers if other.id != developer.id]
        assert not any(by_id & {other.id, other.developer_id} for other in others)
        if not by_id & {developer.id, developer.developer_id}:
            names = {own.applicant_name, own.resource_name} - {"", None}
            assert not any(names & known_as(other) - {other.id} for other in others if other.pending)


@given(PEOPLE, APPROVALS)
def test_every_approval_of_this_portal_is_tied_or_told(
    developers: list[DeveloperRecord], approvals: list[Approval]
) -> None:
    ties = tie(PLACE, developers, approvals)
    told = [item.approval for item in ties.untied]
    ours = [item for item in approvals if item.portal_id != "p2"]
    assert sorted(map(id, [*ties.approvals.values(), *told])) == sorted(map(id, ours))
