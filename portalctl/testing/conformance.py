"""The conformance suite: the behaviour that portalctl relies on, required of every provider.

A provider's own tests subclass `Conformance` and define a fixture `harness`, which returns a `Harness`. The name of a
test is the requirement; where a portal cannot have a fault, the test is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from portalctl.errors import PortalError
from portalctl.portals import writes
from portalctl.portals.models import Scope, Snapshot, Touched
from portalctl.portals.protocol import Portal
from portalctl.portals.writes import Write, WriteResult
from portalctl.testing.harness import Fault, Harness, State, connect

MANY = 230  # developers: more than two pages of a hundred
ANN, BOB, NEW = "ann@one.example", "bob@two.example", "new@three.example"


def state_of(snapshot: Snapshot) -> State:
    """Return the contents of a portal according to a snapshot."""
    addresses = {developer.id: developer.email or "" for developer in snapshot.developers}
    return State(
        {developer.email or "": developer.status for developer in snapshot.developers},
        {team.name: frozenset(addresses[key] for key in snapshot.members[team.id]) for team in snapshot.teams},
    )


class Conformance:
    """Subclass it, and define the fixture `harness`."""

    @pytest.fixture
    def portal(self, harness: Harness) -> Iterator[Portal]:
        """The portal, connected for writing."""
        with connect(harness) as portal:
            yield portal

    def test_a_reading_has_every_developer_and_team(self, harness: Harness, portal: Portal) -> None:
        filled(harness, MANY)
        assert state_of(portal.read(Scope(every_team=True))) == harness.state()

    def test_a_reread_agrees_with_the_snapshot(self, harness: Harness, portal: Portal) -> None:
        filled(harness, 30)
        snapshot = portal.read(Scope(every_team=True))
        names = frozenset(team.name for team in snapshot.teams)
        developers = tuple((developer.id, developer.email) for developer in snapshot.developers)
        seen = portal.reread(Touched(developers=developers, teams=names, members_of=names))
        assert seen.statuses == {developer.id: developer.status for developer in snapshot.developers}
        assert {name: frozenset(seen.members[name]) for name in names} == {
            team.name: snapshot.members[team.id] for team in snapshot.teams
        }

    def test_a_deleted_developer_is_reported_as_deleted(self, harness: Harness, portal: Portal) -> None:
        key = by_address(harness, portal, ANN)
        assert portal.write(writes.DeleteDeveloperWrite(key)).result == "done"
        assert portal.reread(Touched(developers=((key, ANN),))).statuses == {key: None}

    def test_approved_developers_are_counted(self, harness: Harness, portal: Portal) -> None:
        filled(harness, 30)
        assert portal.approved() == sum(status == "approved" for status in harness.state().developers.values())

    def test_pending_developers_are_counted_and_marked(self, harness: Harness, portal: Portal) -> None:
        harness.fill(State({ANN: "pending", BOB: "approved", NEW: "pending"}))
        before = portal.pending()
        assert (before.total, len(before.marks)) == (2, 2)
        assert portal.pending() == before
        new = next(one for one in portal.read(Scope()).developers if one.email == NEW)
        assert portal.write(writes.SetStatusWrite(new.id, "approved")).result == "done"
        after = portal.pending()
        assert after.total == 1
        assert after.marks < before.marks

    def test_the_portal_names_itself(self, harness: Harness, portal: Portal) -> None:
        harness.fill(State({}))
        assert portal.identity().id == harness.portal_id

    def test_an_incomplete_reading_is_an_error(self, harness: Harness, portal: Portal) -> None:
        filled(harness, MANY)
        truth = harness.state()
        with fault(harness, "incomplete"):
            try:
                seen = state_of(portal.read(Scope(every_team=True)))
            except PortalError:
                return
        assert seen == truth

    def test_an_answer_without_end_is_an_error(self, harness: Harness, portal: Portal) -> None:
        filled(harness, 3)
        with fault(harness, "huge"), pytest.raises(PortalError):
            portal.read(Scope(every_team=True))

    @pytest.mark.parametrize("portal_id", ["00000000-0000-4000-8000-000000000000", "no-such-portal"])
    def test_a_portal_that_is_not_there_is_an_error(self, harness: Harness, portal_id: str) -> None:
        harness.fill(State({}))
        with connect(harness, portal_id=portal_id) as portal, pytest.raises(PortalError):
            portal.read(Scope())

    def test_another_portal_that_answers_is_an_error(self, harness: Harness, portal: Portal) -> None:
        filled(harness, 3)
        with fault(harness, "wrong_portal"), pytest.raises(PortalError):
            portal.read(Scope(every_team=True))

    def test_a_connection_for_reading_cannot_write(self, harness: Harness) -> None:
        with connect(harness, write=False) as portal:
            key = by_address(harness, portal, ANN)
            assert safely(portal, writes.SetStatusWrite(key, "approved")) != "done"
        assert harness.state().developers[ANN] == "pending"

    @pytest.mark.parametrize("status", ["approved", "pending", "rejected", "revoked"])
    def test_it_can_set_the_statuses_it_names(self, harness: Harness, portal: Portal, status: str) -> None:
        if status not in harness.provider.statuses:
            pytest.skip(f"{harness.provider.title} does not name the status {status}")
        key = by_address(harness, portal, ANN, status="approved" if status == "revoked" else "pending")
        write = writes.SetStatusWrite(key, status)  # type: ignore[arg-type]  # one of them
        assert portal.write(write).result == "done"
        assert harness.state().developers[ANN] == status
        portal.write(write)  # a second time, whatever the result
        assert harness.state().developers[ANN] == status

    def test_teams_are_created_once_and_filled(self, harness: Harness, portal: Portal) -> None:
        require(harness, "teams")
        key = by_address(harness, portal, ANN, status="approved")
        made = portal.write(writes.CreateTeamWrite("blues", None))
        assert made.result == "done"
        team = portal.new_teams({"blues": made.id})["blues"].team
        assert team is not None
        assert portal.write(writes.AddMemberWrite(team.id, key)).result == "done"
        portal.write(writes.AddMemberWrite(team.id, key))
        assert harness.state().teams["blues"] == {ANN}
        assert portal.write(writes.RemoveMemberWrite(team.id, key)).result == "done"
        portal.write(writes.RemoveMemberWrite(team.id, key))
        assert harness.state().teams["blues"] == frozenset()

    def test_accounts_are_created_by_address_with_the_ability(self, harness: Harness, portal: Portal) -> None:
        harness.fill(State({}))
        written = portal.write(writes.CreateDeveloperWrite(NEW, "New", "approved"))
        if "accounts" in harness.provider.abilities:
            assert (written.result, harness.state().developers) == ("done", {NEW: "approved"})
            portal.write(
                writes.CreateDeveloperWrite(NEW, "New", "approved")
            )  # a second time creates no second account
            assert list(harness.state().developers) == [NEW]
        else:
            assert (written.result, NEW in harness.state().developers) == ("refused", False)

    def test_verified_addresses_are_reported_with_the_ability(self, harness: Harness, portal: Portal) -> None:
        filled(harness, 3)
        known = [developer.email_verified is not None for developer in portal.read(Scope()).developers]
        assert all(known) or "verified_email" not in harness.provider.abilities

    def test_a_lost_answer_is_never_a_refusal(self, harness: Harness, portal: Portal) -> None:
        key = by_address(harness, portal, ANN)
        with fault(harness, "no_answer"):
            written = portal.write(writes.SetStatusWrite(key, "approved"))
        assert written.result != "refused"
        assert harness.state().developers[ANN] == "approved"

    def test_what_was_not_carried_out_is_never_done(self, harness: Harness, portal: Portal) -> None:
        key = by_address(harness, portal, ANN)
        with fault(harness, "refused"):
            written = portal.write(writes.SetStatusWrite(key, "approved"))
        assert written.result != "done"
        assert harness.state().developers[ANN] == "pending"

    @pytest.mark.parametrize("key", ["../../portals", "a/b", "..", "?all=true", "a b", ""])
    def test_an_odd_id_never_reaches_anything_else(self, harness: Harness, portal: Portal, key: str) -> None:
        filled(harness, 6)
        before = harness.state()
        for write in odd_writes(key):
            assert safely(portal, write) != "done"
        assert harness.state() == before


def filled(harness: Harness, count: int) -> None:
    """Fill a portal with developers of all statuses that it has, and with teams if it can have any."""
    statuses = sorted(harness.provider.statuses | {"pending", "approved"})
    developers = {
        f"dev{number:03}@x{number % 7}.example": statuses[number % len(statuses)] for number in range(count)
    }
    teams = {}
    if "teams" in harness.provider.abilities:
        approved = [address for address, status in developers.items() if status == "approved"]
        teams = {"reds": frozenset(approved), "empty": frozenset[str]()}
    harness.fill(State(developers, teams))


def by_address(harness: Harness, portal: Portal, address: str, status: str = "pending") -> str:
    """Fill a portal with one developer among others, and return the id."""
    harness.fill(State({address: status, BOB: "approved"}))
    return next(developer.id for developer in portal.read(Scope()).developers if developer.email == address)


def require(harness: Harness, ability: str) -> None:
    if ability not in harness.provider.abilities:
        pytest.skip(f"{harness.provider.title} does not name the ability {ability}")


@contextmanager
def fault(harness: Harness, kind: Fault) -> Iterator[None]:
    """Make every request fail; skip the test where this portal cannot have the fault."""
    context = harness.fault(kind)
    if context is None:
        pytest.skip(f"{harness.provider.title} cannot have the fault {kind}")
    with context:
        yield


def odd_writes(key: str) -> tuple[Write, ...]:
    return writes.SetStatusWrite(key, "approved"), writes.DeleteDeveloperWrite(key), writes.AddMemberWrite(key, key)


def safely(portal: Portal, write: Write) -> str:
    """Return the result of a write; an error raised before it was sent is a refusal."""
    try:
        written: WriteResult = portal.write(write)
    except Exception:
        return "refused"
    return written.result
