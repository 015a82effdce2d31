"""Accounts that share one address: a stranger's sign-up must not keep a chosen developer out, nor take anything."""

from __future__ import annotations

import re

import pytest

from portalctl.simulator.message import Request
from tests.conftest import PORTAL_ID, Bench, Done, portalctl

ANNA, STRANGER = "anna@city.example", "Anna@City.example"
TRUST = """
trusted_domains: [{domain: city.example, teams: [reds]}]
teams: [{name: reds, membership: exclusive}, {name: blues}]
"""


def planned(bench: Bench, *words: str) -> list[str]:
    done = bench.run("plan", "-o", "json", *words)
    assert done.code == 0, done.err
    return [change["id"] for change in done.json["portals"][0]["changes"]]


def notices(done: Done) -> dict[str, str]:
    """The messages about each developer."""
    return {each["developer"]: each["message"] for each in done.json["portals"][0]["notices"] if each["developer"]}


def line_for(bench: Bench, address: str) -> str:
    """The line that the plan says to write for an account."""
    found = re.search(r"add to `overrides`: (- \{.*\})$", notices(bench.run("plan", "-o", "json"))[address])
    assert found is not None
    return found[1]


@pytest.fixture
def twins(bench: Bench) -> Bench:
    """Anna and a stranger wait side by side, and so does Bob."""
    bench.people(pending=[ANNA, STRANGER, "bob@city.example"])
    bench.team("reds")
    bench.team("blues")
    bench.manifest(TRUST)
    return bench


@pytest.mark.slow
def test_the_line_of_the_notice_decides_while_both_are_pending(twins: Bench) -> None:
    assert sorted(planned(twins)) == ["add_member:bob@city.example:reds", "approve:bob@city.example"]
    line = line_for(twins, ANNA)
    assert line == f'- {{developer: {ANNA}, id: {twins.emails[ANNA]}, status: approved, reason: "…"}}'
    twins.manifest(f"{TRUST}\noverrides:\n  {line}\n")
    done = twins.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert (twins.status(ANNA), twins.status(STRANGER)) == ("approved", "pending")
    assert twins.members("reds") == {ANNA, "bob@city.example"}
    assert list(notices(twins.run("plan", "-o", "json"))) == [STRANGER]
    assert twins.run("drift").code == 0
    assert twins.run("explain", ANNA).code == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_form_of_a_plan_has_the_line(twins: Bench, form: str) -> None:
    done = twins.run("plan", "-o", form)
    assert done.code == 0
    for address in (ANNA, STRANGER):
        assert f"id: {twins.emails[address]}, status: approved" in done.out


@pytest.mark.slow
def test_a_rejected_account_blocks_nobody_and_is_no_drift(twins: Bench) -> None:
    twins.sim.store.set_status(twins.emails[STRANGER], "rejected")
    done = twins.run("apply", "--yes")
    assert done.code == 0, done.out
    assert (twins.status(ANNA), twins.status(STRANGER)) == ("approved", "rejected")
    assert notices(twins.run("plan", "-o", "json")) == {}
    assert twins.run("drift").code == 0
    twins.manifest(TRUST + "policy: {reinstate: true}\n")
    assert planned(twins) == [], "and it is not let in behind her back"
    told = twins.run("explain", ANNA)
    assert told.code == 0, told.err
    assert "another account has this address, so this rejected one does not count" in told.out


@pytest.mark.wide(1)
@pytest.mark.parametrize("first", [ANNA, STRANGER])
def test_a_revoked_account_withholds_as_if_the_developer_had_signed_up_again(twins: Bench, first: str) -> None:
    second = STRANGER if first == ANNA else ANNA
    twins.sim.store.set_status(twins.emails[first], "revoked")
    for policy in ("", "policy: {reinstate: true}\n"):
        twins.manifest(TRUST + policy)
        assert [change for change in planned(twins) if "bob" not in change] == []
    done = twins.run("plan", "-o", "json")
    assert {each["code"] for each in done.json["portals"][0]["notices"]} == {"withheld"}
    assert f"{twins.emails[first]} (revoked)" in notices(done)[second]
    twins.manifest(f"{TRUST}\noverrides:\n  {line_for(twins, second)}\n")
    assert twins.run("apply", "--yes").code == 0
    assert (twins.status(first), twins.status(second)) == ("revoked", "approved")


@pytest.mark.wide(2)
@pytest.mark.parametrize("status", ["pending", "approved", "rejected", "revoked"])
def test_nobody_loses_anything_by_another_account_of_their_address(bench: Bench, status: str) -> None:
    bench.people(approved=[ANNA], **{status: [STRANGER]} if status != "approved" else {})
    if status == "approved":
        bench.people(approved=[STRANGER])
    bench.team("reds", ANNA)
    bench.team("blues", ANNA)
    bench.manifest(
        f"{TRUST}\npolicy: {{unmatched: {{pending: rejected, approved: revoked}}, limits: {{removals: 0}}}}\n"
        f"protected: [{ANNA}]\n"
    )
    assert planned(bench) == []
    assert bench.run("apply", "--yes").code == 0
    assert bench.status(ANNA) == "approved"
    assert bench.members("reds") == {ANNA}


def test_an_override_with_an_id_can_reject_the_stranger_alone_even_beside_a_protected_developer(twins: Bench) -> None:
    twins.sim.store.set_status(twins.emails[ANNA], "approved")
    stranger = f'{{developer: {ANNA}, id: {twins.emails[STRANGER]}, status: rejected, reason: "Not Anna"}}'
    twins.manifest(f"{TRUST}\nprotected: [{ANNA}]\noverrides: [{stranger}]\n")
    done = twins.run("apply", "--yes")
    assert done.code == 0, done.out
    assert (twins.status(ANNA), twins.status(STRANGER)) == ("approved", "rejected")
    assert planned(twins) == []
    told = twins.run("explain", twins.emails[ANNA])
    assert "not the account that the override's `id` names" in told.out


@pytest.mark.slow
@pytest.mark.parametrize("status", ["rejected", "revoked"])
def test_after_a_denial_with_an_id_nothing_is_left_to_plan(twins: Bench, status: str) -> None:
    """Anna stays blocked beside the override; once it is removed, a rejected account no longer counts."""
    stranger = f'{{developer: {ANNA}, id: {twins.emails[STRANGER]}, status: {status}, reason: "Not Anna"}}'
    twins.manifest(f"{TRUST}\noverrides: [{stranger}]\n")
    assert twins.run("apply", "--yes").code == 0
    assert (twins.status(ANNA), planned(twins)) == ("pending", [])
    twins.manifest(TRUST)
    approved = [f"add_member:{ANNA}:reds", f"approve:{ANNA}"] if status == "rejected" else []
    assert sorted(planned(twins)) == approved


def test_a_denial_without_an_id_is_for_all_of_them(twins: Bench) -> None:
    twins.manifest(f'{TRUST}\noverrides: [{{developer: {ANNA}, status: revoked, reason: "Left"}}]\n')
    assert twins.run("apply", "--yes").code == 0
    assert (twins.status(ANNA), twins.status(STRANGER)) == ("revoked", "revoked")


def test_a_member_list_gives_nothing_to_either_until_an_id_decides(twins: Bench) -> None:
    for address in (ANNA, STRANGER):
        twins.sim.store.set_status(twins.emails[address], "approved")
    lists = f"teams: [{{name: reds, members: [{ANNA}]}}]\n"
    twins.manifest(lists)
    assert planned(twins) == []
    twins.manifest(f"{lists}overrides:\n  {line_for(twins, STRANGER)}\n")
    assert planned(twins) == [f"add_member:{STRANGER}:reds"]


def test_an_override_that_is_there_is_named_with_the_id_to_add(twins: Bench) -> None:
    twins.manifest(f'{TRUST}\noverrides: [{{developer: {ANNA}, status: approved, reason: "Pilot"}}]\n')
    told = notices(twins.run("plan", "-o", "json"))
    assert told[ANNA].endswith(f"add `id: {twins.emails[ANNA]}` to its override")
    assert (
        f"add `id: {twins.emails[ANNA]}` to its override\n        portals/partners.yaml:10" in twins.run("plan").out
    )


@pytest.mark.slow
def test_whoever_signs_up_after_the_plan_does_not_stop_it(twins: Bench) -> None:
    twins.sim.store.set_status(twins.emails[STRANGER], "rejected")
    assert twins.run("plan", "--out", "plan.json").code == 0
    twins.people(pending=["ANNA@city.example"])
    env = {"KONNECT_SERVER_URL": twins.sim.url, "KONNECT_TOKEN": twins.sim.token}
    done = portalctl("apply", "plan.json", "--yes", env=env)
    assert done.code == 0, done.err
    assert twins.status(ANNA) == "approved"


def test_a_request_for_access_waits_until_an_id_decides(twins: Bench) -> None:
    for address in (ANNA, STRANGER):
        twins.sim.store.set_status(twins.emails[address], "approved")
        app = twins.sim.store.add_application(PORTAL_ID, "App", twins.emails[address])
        twins.sim.store.add_registration(app, api_name="Weather", status="pending")
    access = "access_requests: [{products: [Weather], domains: [city.example], status: approved}]\n"
    twins.manifest(TRUST + access)
    assert not [each for each in planned(twins) if each.startswith("approve_request")]
    twins.manifest(f"{TRUST}{access}overrides:\n  {line_for(twins, ANNA)}\n")
    assert len([each for each in planned(twins) if each.startswith("approve_request")]) == 1


@pytest.mark.slow
def test_an_invitation_goes_on_for_its_own_account_whoever_signs_up_meanwhile(bench: Bench) -> None:
    guest = "guest@agency.example"
    bench.manifest(
        "teams: [{name: reds}]\noverrides:\n"
        f'  - {{developer: {guest}, status: approved, teams: [reds], reason: "Pilot", invite: true}}\n'
    )

    def hook(_: Request) -> None:
        made = any(each["email"] == guest for each in bench.sim.store.developers(PORTAL_ID))
        if made and "Guest@agency.example" not in bench.emails:
            bench.people(pending=["Guest@agency.example"])

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes", "--confirm-timeout", "1")
    assert done.code == 0, done.out
    assert bench.members("reds") == {guest}


def test_the_access_review_says_who_is_blocked(twins: Bench) -> None:
    env = {"KONNECT_SERVER_URL": twins.sim.url, "KONNECT_TOKEN": twins.sim.token}
    done = portalctl("report", "access", "-f", "portals", "-o", "json", env=env)
    remarks = {each["developer"]: each["remarks"] for each in done.json["portals"][0]["developers"]}
    assert remarks[ANNA] == remarks[STRANGER] == ["blocked"]
    assert remarks["bob@city.example"] == ["differs"]
