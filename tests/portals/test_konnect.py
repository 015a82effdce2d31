"""The Konnect provider against the simulator: readings that contradict themselves, batches, registrations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import AnswerError, NoAnswerError, PortalError
from portalctl.events import ignore
from portalctl.http import READ_WRITE, Answer, Client, Server
from portalctl.http.retry import RetryPolicy
from portalctl.portals.decode import shaped
from portalctl.portals.konnect.api_versions import DIALECTS
from portalctl.portals.konnect.lists import BATCH_CHARACTERS, SETTLE_PAUSES, batches
from portalctl.portals.konnect.portal import KonnectPortal
from portalctl.portals.models import Developer, Registration, Scope, Touched
from portalctl.portals.writes import AddMemberWrite, RemoveMemberWrite, RevokeRegistrationWrite, SetStatusWrite
from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Simulator
from tests import vendor
from tests.answering import answering, http

PORTAL = "3f51fa25-310a-421d-bd1a-007f859021a3"
NOBODY = "ffffffff-0000-4000-8000-000000000000"


class Bench:
    """One simulated portal and a provider that works on it."""

    def __init__(self, sim: Simulator, stack: ExitStack, provider: str) -> None:
        self.sim, self.store, self.provider = sim, sim.store, provider
        self._stack = stack
        self.konnect = self.open(portal_id=PORTAL)

    def open(self, url: str = "", **which: str) -> KonnectPortal:
        server = Server(url or self.sim.url, self.sim.token)
        client = Client(server, methods=READ_WRITE, policy=RetryPolicy(first=0.0))
        found: dict[str, Any] = {"portal_id": None, "title": None} | which
        now = "2026-01-01T00:00:00Z"
        konnect = KonnectPortal(
            client, DIALECTS[self.provider], name="partners", now=lambda: now, observer=ignore, **found
        )
        return self._stack.enter_context(konnect)

    def developer(self, name: str, status: str = "approved") -> str:
        return self.store.add_developer(PORTAL, f"{name}@x.com", status=status)

    def paths(self, method: str = "GET") -> list[str]:
        """Paths asked for, below the portal's own, in order; its own is ""."""
        here = f"/{'v2' if self.provider == 'konnect-v2' else 'v3'}/portals/{PORTAL}"
        return [exchange.path.removeprefix(here) for exchange in self.sim.log if exchange.method == method]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    """A bench of a kind of portal, with the simulator's settings. What was sent is held against the document."""
    monkeypatch.setattr("portalctl.portals.konnect.lists.SETTLE_PAUSES", tuple(0.0 for _ in SETTLE_PAUSES))
    with ExitStack() as stack:
        benches: list[Bench] = []

        def bench(provider: str = "konnect", **settings: Any) -> Bench:
            seed = {"portals": [{"id": PORTAL, "name": "partners", "classic": provider == "konnect-v2"}]}
            benches.append(Bench(stack.enter_context(Simulator(seed, **settings)), stack, provider))
            return benches[-1]

        yield bench
        if os.environ.get("PORTALCTL_SPECS"):
            for exchange in [exchange for bench in benches for exchange in bench.sim.log]:
                vendor.check_request(exchange)


@pytest.fixture(params=["konnect", "konnect-v2"])
def bench(request: pytest.FixtureRequest, make: Callable[..., Bench]) -> Bench:
    return make(request.param)


# --- readings that contradict themselves


def test_a_team_deleted_before_its_members_are_read_is_read_as_gone(bench: Bench) -> None:
    ann = bench.developer("ann")
    reds, blues = (bench.store.add_team(PORTAL, name) for name in ("reds", "blues"))
    bench.store.add_member(reds, ann)
    bench.sim.once(lambda r: r.path.endswith(f"/{reds}/developers"), lambda: bench.store.delete_team(reds))
    snapshot = bench.konnect.read(Scope(frozenset({"reds", "blues"})))
    assert [team.name for team in snapshot.teams] == ["blues"]
    assert snapshot.members == {blues: frozenset()}


def test_a_touched_team_deleted_before_its_members_are_read_is_seen_as_gone(bench: Bench) -> None:
    reds = bench.store.add_team(PORTAL, "reds")
    bench.sim.once(lambda r: r.path.endswith(f"/{reds}/developers"), lambda: bench.store.delete_team(reds))
    sighting = bench.konnect.reread(Touched(members_of=frozenset({"reds"})))
    assert (sighting.teams, sighting.members) == ({}, {})


@pytest.mark.wide(1)
def test_a_listed_team_that_is_never_there_is_a_clear_error_after_a_few_readings(bench: Bench) -> None:
    bench.store.add_team(PORTAL, "reds")
    bench.sim.inject(Fault("status", status=404, path="*/teams/*/developers"))
    with pytest.raises(PortalError, match="an object that was just listed is missing"):
        bench.konnect.read(Scope(frozenset({"reds"})))
    assert bench.paths().count("/teams") == 1 + len(SETTLE_PAUSES)


def test_a_missing_right_is_not_taken_for_a_team_that_went_away(bench: Bench) -> None:
    bench.store.add_team(PORTAL, "reds")
    bench.sim.inject(Fault("status", status=403, path="*/teams/*/developers"))
    with pytest.raises(AnswerError, match="403"):
        bench.konnect.read(Scope(frozenset({"reds"})))
    assert bench.paths().count("/teams") == 1


@pytest.mark.wide(1)
def test_a_member_who_is_never_listed_is_an_error_after_a_few_readings(bench: Bench) -> None:
    elsewhere = bench.store.add_portal("elsewhere")
    stranger = bench.store.add_developer(elsewhere, "eve@x.com")
    reds = bench.store.add_team(PORTAL, "reds")
    bench.store.add_member(reds, stranger)
    with pytest.raises(PortalError, match="members that the list of developers does not have"):
        bench.konnect.read(Scope(frozenset({"reds"})))
    assert bench.paths().count("/developers") == 1 + len(SETTLE_PAUSES)


def test_two_teams_of_a_touched_name_are_never_chosen_from(bench: Bench) -> None:
    for name in ("reds", "reds", "blues", "blues"):
        bench.store.add_team(PORTAL, name)
    with pytest.raises(PortalError, match="more than one team named reds"):
        bench.konnect.reread(Touched(teams=frozenset({"reds"})))


def test_two_portals_of_one_title_are_never_chosen_from(bench: Bench) -> None:
    bench.store.add_portal("partners", classic=bench.provider == "konnect-v2")
    with pytest.raises(PortalError, match="more than one portal titled 'partners'"):
        bench.open(title="partners").read(Scope())


# --- the portal's answers


@pytest.mark.wide(2)
@pytest.mark.parametrize("total", ["1e400", "10.5", '"many"', "null", "-1", "true", '"10"', "1e18", "NaN"])
def test_a_total_that_is_no_count_is_a_clear_error(make: Callable[..., Bench], total: str) -> None:
    page = f'{{"data": [], "meta": {{"page": {{"total": {total}}}}}}}'.encode()
    with answering(http("200 OK", page)) as url, pytest.raises(NoAnswerError, match="not the API's"):
        make().open(url, title="partners").read(Scope())


def test_a_developer_without_a_name_is_one_all_the_same() -> None:
    """Nothing depends on it, and single sign-on may know none."""
    row = b'{"id": "1", "email": "ann@x.com", "status": "approved", "full_name": null}'
    client = Client(Server("http://127.0.0.1", "token"))
    assert shaped(client, Answer("GET /", 200, row, None, ""), Developer) == Developer("1", "ann@x.com", "approved")


@pytest.mark.wide(2)
@pytest.mark.parametrize("maximum", [100, 1000, 0, -1])
def test_a_refused_page_size_is_asked_for_once(make: Callable[..., Bench], maximum: int) -> None:
    body = (
        b'{"status": 400, "title": "x", "detail": "x", "instance": "x", "invalid_parameters": '
        b'[{"field": "page[size]", "reason": "no", "rule": "max", "maximum": %d}]}' % maximum
    )
    asked: list[bytes] = []
    refusal = http("400 Bad Request", body)
    with answering(refusal, asked=asked) as url, pytest.raises(AnswerError, match=r"page\[size\]"):
        make().open(url, title="partners").read(Scope())
    sizes = [line.split(b"size%5D=")[1].split(b"&")[0] for line in asked]
    assert sizes == [b"1000", b"100", b"10"]


# --- people by batches


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=","), min_size=1), max_size=300))
def test_batches_hold_every_value_once_and_fit_a_query(values: list[str]) -> None:
    found = batches(values)
    assert [value for batch in found for value in batch] == values
    assert all(found)
    for batch in found:
        assert len(quote(",".join(batch), safe="")) <= BATCH_CHARACTERS or len(batch) == 1


def test_batches_count_what_is_sent_and_not_characters() -> None:
    long = batches(["ж" * 20 + "@x.com"] * 100)  # six times as long in a URL
    assert all(len(quote(",".join(batch), safe="")) <= BATCH_CHARACTERS for batch in long)
    assert len(batches(["ann@x.com"] * 100)) == 1


@pytest.mark.slow
def test_touched_people_are_seen_by_batches_the_gone_by_their_id(bench: Bench) -> None:
    developers = {bench.developer(f"p{number:03}", "pending"): f"p{number:03}@x.com" for number in range(200)}
    gone = (NOBODY, "gone@x.com")
    sighting = bench.konnect.reread(Touched(developers=(*developers.items(), gone)))
    assert sighting.statuses == dict.fromkeys(developers, "pending") | {NOBODY: None}
    calls = bench.paths()
    assert calls.count(f"/developers/{NOBODY}") == 1
    assert calls.count("/developers") < 200 / 20
    assert len(calls) == calls.count("/developers") + 2  # and the portal itself


def test_many_who_cannot_be_found_by_address_cost_one_list_and_not_a_call_each(bench: Bench) -> None:
    developers = [(bench.developer(f"p{number:03}"), None) for number in range(120)]
    sighting = bench.konnect.reread(Touched(developers=(*developers, (NOBODY, None))))
    assert sighting.statuses == {developer_id: "approved" for developer_id, _ in developers} | {NOBODY: None}
    assert bench.paths() == ["", "/developers", "/developers"]


def test_a_portal_without_the_filter_is_asked_for_people_by_their_ids(bench: Bench) -> None:
    ann = bench.developer("ann", "revoked")
    bench.sim.inject(Fault("status", status=400, query="filter[email][oeq]=ann@x.com"))
    assert bench.konnect.reread(Touched(developers=((ann, "ann@x.com"),))).statuses == {ann: "revoked"}


@pytest.mark.slow
def test_of_one_person_it_is_asked_which_teams_they_are_in_however_large_those_are(bench: Bench) -> None:
    ann = bench.developer("ann")
    reds, blues = (bench.store.add_team(PORTAL, name) for name in ("reds", "blues"))
    for team in (reds, blues):
        bench.store.add_member(team, ann)
    wanted = Touched(developers=((ann, "ann@x.com"),), members_of=frozenset({"reds", "whites"}))
    assert bench.konnect.reread(wanted).members == {"reds": {ann}}
    assert bench.paths() == ["", f"/developers/{ann}/teams", "/developers"]
    gone = Touched(developers=((NOBODY, "nobody@x.com"),), members_of=frozenset({"reds"}))
    assert (bench.konnect.reread(gone).members, bench.konnect.reread(gone).statuses) == ({}, {NOBODY: None})


# --- registrations


def register(bench: Bench, owner: str, *apis: str, name: str = "App", kind: str = "developer") -> dict[str, str]:
    """An application of a developer or team, and its approved registrations by API."""
    app = bench.store.add_application(PORTAL, name, owner, owner_type=kind)
    return {"": app} | {api: bench.store.add_registration(app, api) for api in apis}


def test_live_registrations_are_told_with_application_and_api(bench: Bench) -> None:
    ann, bob, eve = (bench.developer(name, "revoked") for name in ("ann", "bob", "eve"))
    shop, till, other = (
        register(bench, ann, "Orders", "Prices", name="Shop"),
        register(bench, bob, "Orders", "Old", "Refused", name="Till"),
        register(bench, eve, "Orders", name="Other"),
    )
    bench.store.set_registration_status(shop["Prices"], "pending")
    bench.store.set_registration_status(till["Old"], "revoked")
    bench.store.set_registration_status(till["Refused"], "rejected")
    found = bench.konnect.details([bob, ann])
    assert {row.id for row in found}.isdisjoint({other["Orders"], till["Old"], till["Refused"]})
    assert found == tuple(
        sorted(
            [
                Registration(shop["Orders"], ann, shop[""], "Shop", "Orders", "approved"),
                Registration(shop["Prices"], ann, shop[""], "Shop", "Prices", "pending"),
                Registration(till["Orders"], bob, till[""], "Till", "Orders", "approved"),
            ],
            key=lambda row: (row.developer_id, row.application_name, row.api_name),
        )
    )


@pytest.mark.slow
def test_people_without_registrations_cost_a_few_calls_however_many_they_are(bench: Bench) -> None:
    developers = [bench.developer(f"p{number:03}") for number in range(160)]
    assert bench.konnect.details(developers) == ()
    expected = ["", *["/application-registrations"] * 5, *(["/teams"] if bench.provider == "konnect" else [])]
    assert bench.paths() == expected


def test_v2_tells_the_owner_so_that_applications_need_not_be_listed(make: Callable[..., Bench]) -> None:
    bench = make("konnect-v2")
    ann, bob = bench.developer("ann"), bench.developer("bob")
    register(bench, ann, "Orders")
    register(bench, bob, "Orders")
    assert [row.developer_id for row in bench.konnect.details([ann, bob])] == sorted([ann, bob])
    assert bench.paths() == ["", "/application-registrations"]


def test_v3_owners_come_from_one_list_of_applications_for_many_people(make: Callable[..., Bench]) -> None:
    bench = make()
    developers = [bench.developer(f"p{number}") for number in range(20)]
    for developer in developers:
        register(bench, developer, "Orders")
    assert [row.developer_id for row in bench.konnect.details(developers)] == sorted(developers)
    assert bench.paths() == ["", "/application-registrations", "/applications", "/teams"]


def test_where_owners_are_not_told_each_person_is_asked_for(make: Callable[..., Bench]) -> None:
    bench = make(behaviour=Behaviour(application_owner=False))
    ann, bob = bench.developer("ann"), bench.developer("bob")
    apps = {developer: register(bench, developer, "Orders")[""] for developer in (ann, bob)}
    assert {row.developer_id: row.application_id for row in bench.konnect.details([ann, bob])} == apps


@pytest.mark.wide(2)
@pytest.mark.parametrize("told", [True, False])
def test_applications_of_teams_are_named_for_each_member_asked_about(make: Callable[..., Bench], told: bool) -> None:
    bench = make(behaviour=Behaviour(application_owner=told))
    ann, bob, eve = (bench.developer(name) for name in ("ann", "bob", "eve"))
    reds = bench.store.add_team(PORTAL, "reds", can_own_applications=True)
    blues = bench.store.add_team(PORTAL, "blues", can_own_applications=True)
    bench.store.add_team(PORTAL, "plain")
    bench.store.add_members(reds, [ann, bob, eve])
    bench.store.add_member(blues, eve)
    shared = register(bench, reds, "Orders", name="Shared", kind="team")
    register(bench, reds, name="Unused", kind="team")
    register(bench, blues, "Orders", name="Blue", kind="team")
    found = bench.konnect.details([bob, ann])
    assert [(row.developer_id, row.owned_by_team, row.id) for row in found] == [
        (developer, "reds", shared["Orders"]) for developer in sorted([ann, bob])
    ]
    assert f"/applications/{shared['']}/registrations" in bench.paths()


def test_a_portal_whose_teams_cannot_own_applications_yet_is_read_too(make: Callable[..., Bench]) -> None:
    bench = make(behaviour=Behaviour(can_own_applications=False))
    ann = bench.developer("ann")
    bench.store.add_member(bench.store.add_team(PORTAL, "reds"), ann)
    own = register(bench, ann, "Orders")
    assert [row.id for row in bench.konnect.details([ann])] == [own["Orders"]]


def test_an_application_deleted_while_registrations_are_read_is_read_as_gone(make: Callable[..., Bench]) -> None:
    bench = make()
    ann = bench.developer("ann")
    reds = bench.store.add_team(PORTAL, "reds", can_own_applications=True)
    bench.store.add_member(reds, ann)
    app = register(bench, reds, "Orders", kind="team")[""]
    path = f"/applications/{app}/registrations"
    bench.sim.once(lambda request: request.path.endswith(path), lambda: bench.store.delete_team(reds))
    bench.sim.inject(Fault("status", status=404, path=f"*{path}", times=1))
    assert bench.konnect.details([ann]) == ()


def test_details_that_are_not_complete_are_an_error(bench: Bench) -> None:
    ann = bench.developer("ann")
    register(bench, ann, "Orders", "Prices")
    bench.sim.inject(Fault("lose-row", path="*/application-registrations"))
    with pytest.raises(PortalError, match="can't be read completely"):
        bench.konnect.details([ann])


# --- writing


def test_a_registration_is_revoked_and_its_owner_told(bench: Bench) -> None:
    ann = bench.developer("ann")
    app = register(bench, ann, "Orders")
    assert bench.konnect.write(RevokeRegistrationWrite(app[""], app["Orders"])).result == "done"
    assert bench.konnect.details([ann]) == ()
    (mail,) = bench.store.mails()
    assert mail["template"] == "app-registration-revoked"


def test_a_registration_that_is_not_there_is_for_the_live_state_to_tell(bench: Bench) -> None:
    written = bench.konnect.write(RevokeRegistrationWrite(NOBODY, NOBODY))
    assert (written.result, "404" in written.detail) == ("unclear", True)
    assert bench.konnect.write(RemoveMemberWrite(NOBODY, NOBODY)).result == "unclear"
    assert bench.konnect.write(AddMemberWrite(NOBODY, NOBODY)).result == "refused"


def test_a_write_never_raises_for_what_the_portal_does(bench: Bench) -> None:
    climbing = bench.konnect.write(SetStatusWrite("..", "approved"))
    assert (climbing.result, "is not a valid id" in climbing.detail) == ("refused", True)
    bench.sim.inject(Fault("status", status=403))
    unknown = bench.open(title="partners").write(SetStatusWrite(NOBODY, "approved"))
    assert (unknown.result, "403" in unknown.detail) == ("refused", True)
    assert bench.paths("PATCH") == []
