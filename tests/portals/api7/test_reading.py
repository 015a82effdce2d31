"""Reading an API7 portal: the right one, wholly, in every shape that its documents leave open."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from unittest.mock import ANY

import pytest

from portalctl.errors import AnswerError, NoAnswerError, PortalError
from portalctl.events import Event, Observer, Warned, ignore
from portalctl.http import Client, Server
from portalctl.http.retry import RetryPolicy
from portalctl.portals.answer_ids import OtherAnswerError
from portalctl.portals.api7.portal import Api7Portal
from portalctl.portals.models import Developer, Registration, Scope, Touched
from portalctl.portals.paging import ROUNDS
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator, Fault
from portalctl.simulator.message import Request, json_answer
from portalctl.simulator.wire import Listener, Reply, render
from tests.portals.api7.conftest import PORTAL, Bench

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

Make = Callable[..., Bench]


def test_a_reading_holds_everybody_as_the_portal_tells_them(bench: Bench) -> None:
    ann = bench.developer("ann", verified=False, username="annie")
    bob = bench.developer("bob", state="Active", provider="sso")
    nobody = bench.store.sign_up(PORTAL, None, "No Address", developer_id="org_none", state="Suspended")  # type: ignore[arg-type]
    snapshot = bench.read()
    expected = [
        Developer("org_ann", "ann@x.com", "pending", "ann", ANY, False, "builtin"),
        Developer("org_bob", "bob@x.com", "approved", "bob", ANY, True, "sso"),
        Developer("org_none", None, "Suspended", "No Address", ANY, True, "builtin"),
    ]
    found = sorted(snapshot.developers, key=lambda item: item.id)
    assert found == expected
    for developer, signed_up in zip(found, (ann, bob, nobody), strict=True):
        assert datetime.fromisoformat(developer.created_at or "") == signed_up.created_at.replace(microsecond=0)
    assert (snapshot.portal_id, snapshot.server, snapshot.observed_at) == (
        PORTAL,
        bench.sim.url,
        "2026-01-01T00:00:00Z",
    )
    assert (snapshot.teams, snapshot.members, snapshot.remarks) == ((), {}, ())
    assert bench.api7.calls == len(bench.sim.log)


# Every switch of the simulator that a reading can notice. Behind a comma: what the reading then lacks.
SHAPES: list[dict[str, Any]] = [
    {"empty_list": "null"},
    {"empty_list": "missing"},
    {"dashboard_times": "epoch"},
    {"operated_at_unset": "zero"},
    {"operated_at_unset": "absent"},
    {"paging": "always", "page_size_max": 7},
    {"paging": "first_page", "page_size_max": 7},
    {"paging": "ignored"},
    {"page_size_max": 7},
    {"order": "stored", "page_size_max": 7},
    {"order": "shuffled", "page_size_max": 7},
    {"order": "restless", "page_size_max": 7},
    {"developers_sort": "ignored"},
    {"developers_sort": "honoured", "page_size_max": 7},
    {"unknown_parameters": "ignored"},
    {"applicant_id": "developer_id"},
    {"applicant_id": "absent", "resource_id": "developer_id"},
    {"applicant_id": "name", "resource_id": "absent"},
    {"applicant_id": "absent", "resource_id": "absent", "applicant_name": "email"},
    {"applicant_id": "absent", "resource_id": "absent", "applicant_name": "absent", "resource_name": "username"},
    {"applicant_id": "absent", "resource_id": "absent", "resource_name": "developer_id"},
    {"approval_portal": "id"},
    {"approval_portal": "name"},
]
QUICK_SHAPES = [SHAPES[number] for number in (1, 6, 17)]


def reads_everybody(bench: Bench) -> None:
    for number in range(15):
        bench.developer(f"p{number:02}", state="Active" if number % 3 else None)
    elsewhere = bench.store.add_portal("portal-2", "Others")
    bench.store.sign_up(elsewhere.id, "p00@x.com", "p00", developer_id="org_p00")
    snapshot = bench.read()
    statuses = {developer.id: (developer.status, developer.approvable) for developer in snapshot.developers}
    assert statuses == {f"org_p{n:02}": ("approved" if n % 3 else "pending", True) for n in range(15)}
    assert snapshot.remarks == ()


@pytest.mark.wide(2)
@pytest.mark.parametrize("shape", QUICK_SHAPES, ids=str)
def test_the_likeliest_shapes_read_alike(make: Make, shape: dict[str, Any]) -> None:
    reads_everybody(make(**shape))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_reads_alike(make: Make, shape: dict[str, Any]) -> None:
    reads_everybody(make(**shape))


@pytest.mark.wide(2)
@pytest.mark.parametrize("shape", ["list", "null", "missing"])
def test_an_empty_portal_is_empty(make: Make, shape: str) -> None:
    assert make(empty_list=shape).read().developers == ()


def test_a_way_of_asking_that_worked_is_kept(make: Make) -> None:
    bench = make(paging="first_page", page_size_max=7, developers_sort="refused")
    for number in range(10):
        bench.developer(f"p{number}")
    bench.read()
    bench.sim.clear_log()
    assert bench.status("p1", "p9") == ["pending", "pending"]
    (exchange,) = bench.sim.log
    assert exchange.query == f"portal_id={PORTAL}"


# --- lists without a total, which the simulator does not have


NOTHING: Mapping[str, Any] = {"list": [], "total": 0}


class Lists:
    """A Dashboard of the test's own with one portal: `developers` answers a query for its people."""

    def __init__(
        self,
        developers: Callable[[dict[str, str]], Any] = lambda _: NOTHING,
        observer: Observer = ignore,
        **more: Any,
    ) -> None:
        self._developers = developers
        self._told = {"/api/portals": {"list": [{"id": "p", "name": "P"}], "total": 1}} | {
            f"/api/portal/{name}": told for name, told in more.items()
        }
        self._listener = Listener(self._answer)
        client = Client(Server(self._listener.url, "a7ee-x", auth="api-key"), policy=RetryPolicy(first=0.0))
        self.api7 = Api7Portal(client, None, name="p", portal_id="p", title=None, now=str, observer=observer)

    def __enter__(self) -> Lists:
        return self

    def __exit__(self, *_: object) -> None:
        self.api7.__exit__(None, None, None)
        self._listener.close()

    def _answer(self, request: Request) -> Reply:
        told = self._told.get(request.path, NOTHING)
        if request.path == "/api/developers":
            told = self._developers(dict(request.query))
        return Reply(render(json_answer(200, told)))


def rows(numbers: range) -> list[dict[str, str]]:
    return [{"id": f"i{number}", "developer_id": f"org_{number}", "state": "Active"} for number in numbers]


@pytest.mark.parametrize(
    ("count", "most", "pages"),
    [
        (0, 1000, True),
        (101, 30, True),
        (101, 1000, False),
        *(
            pytest.param(count, most, pages, marks=pytest.mark.slow)
            for count, most, pages in itertools.product([0, 1, 99, 100, 101, 250], [1000, 100, 30], [True, False])
        ),
    ],
)
def test_without_a_total_a_list_is_read_to_its_end(count: int, most: int, pages: bool) -> None:
    def developers(query: dict[str, str]) -> Any:
        if "page_size" not in query:
            return {"list": rows(range(count))}
        size = min(most, int(query["page_size"]))
        first = (int(query["page"]) - 1) * size if pages else 0
        return {"list": rows(range(count))[first : first + size]}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == count


def test_a_list_without_a_total_that_changes_meanwhile_is_read_as_a_whole() -> None:
    gone = itertools.count()

    def developers(query: dict[str, str]) -> Any:
        if "page_size" not in query:
            return {"list": rows(range(50, 250))}
        left = rows(range(min(50, next(gone)), 250))  # one goes before each page, and hides another
        first = (int(query["page"]) - 1) * 100
        return {"list": left[first : first + 100]}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == 200


@pytest.mark.parametrize("most", [100, 200], ids=["of a page", "of so many at most"])
def test_a_total_that_is_not_that_of_the_list_is_not_believed(most: int) -> None:
    def developers(query: dict[str, str]) -> Any:
        first = (int(query.get("page", "1")) - 1) * 100
        return {"list": rows(range(250))[first : first + 100], "total": most}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == 250


@pytest.mark.parametrize("size", [1, 40, 99])
def test_a_page_that_was_cut_short_and_tells_its_own_length_is_not_the_list(size: int) -> None:
    """Fewer rows than were asked for, and a total of just these: so looks a list that is read to its end, too."""

    def developers(query: dict[str, str]) -> Any:
        first = (int(query.get("page", "1")) - 1) * size
        page = rows(range(120))[first : first + size]
        return {"list": page, "total": len(page)}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == 120


@pytest.mark.parametrize("count", [100, 130])
def test_a_page_that_comes_again_and_again_is_asked_for_as_a_whole(count: int) -> None:
    """The page's number is ignored, and the total is that of the page."""

    def developers(query: dict[str, str]) -> Any:
        page = rows(range(count))[: 100 if "page_size" in query else count]
        return {"list": page, "total": len(page)}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == count


def test_a_list_that_grows_beyond_its_last_full_page_is_read_on() -> None:
    seen = itertools.count(100)

    def developers(query: dict[str, str]) -> Any:
        total = min(next(seen), 101)  # somebody signs up after the first page
        first = (int(query["page"]) - 1) * 100
        return {"list": rows(range(total))[first : first + 100], "total": total}

    with Lists(developers) as lists:
        assert len(lists.api7.read(Scope()).developers) == 101


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        {"total": 3},
        {"list": None, "total": 1},
        {"list": [], "total": 1},
        {"list": rows(range(2)), "total": 3},
        {"list": rows(range(3)), "total": 2},
        {"list": rows(range(1)) * 2, "total": 2},
        {"error_msg": "no licence"},
        {"list": [], "total": 0, "error_msg": "no licence"},
        {"list": [{"id": "i1"}], "total": 1},
        {"list": [{"id": "i1", "developer_id": "x"}, {"id": "i2", "developer_id": "x"}], "total": 2},
        {"list": [], "total": "many"},
    ],
    ids=str,
)
def test_what_is_not_provably_the_whole_list_is_an_error(told: Any) -> None:
    with Lists(lambda _: told) as lists, pytest.raises(PortalError):
        lists.api7.read(Scope())


def test_people_of_another_portal_are_an_error() -> None:
    own = [{**row, "portal_id": portal} for row, portal in zip(rows(range(3)), ["p", "p", ""], strict=True)]
    with Lists(lambda _: {"list": own, "total": 3}) as lists:
        assert len(lists.api7.read(Scope()).developers) == 3
    told = [{**row, "portal_id": portal} for row, portal in zip(rows(range(3)), ["p", "other", ""], strict=True)]
    with Lists(lambda _: {"list": told, "total": 3}) as lists, pytest.raises(OtherAnswerError, match="'other'"):
        lists.api7.read(Scope())


def test_a_warning_beside_lists_is_shown_once() -> None:
    events: list[Event] = []
    with Lists(lambda _: {**NOTHING, "warning_msg": "the licence ends soon"}, events.append) as lists:
        lists.api7.read(Scope())
        lists.api7.read(Scope())
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert "the licence ends soon" in warned.message


# --- readings that go wrong


@pytest.mark.parametrize(
    "path",
    ["/api/approvals", *(pytest.param(item, marks=pytest.mark.slow) for item in ("/api/portals", "/api/developers"))],
)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=401),
        Fault("status", status=403),
        Fault("status", status=404),
        Fault("status", status=400),
        Fault("status", status=500),
        Fault("html"),
        Fault("truncate"),
        Fault("drop-before"),
        Fault("empty"),
        Fault("lose-row"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status if fault.kind == 'status' else ''}",
)
def test_no_failure_is_taken_for_an_empty_or_shorter_list(bench: Bench, fault: Fault, path: str) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault(fault.kind, path=path, status=fault.status))
    with pytest.raises(PortalError):
        bench.read()


def test_a_list_that_changes_while_it_is_read_is_read_again(make: Make) -> None:
    bench = make(page_size_max=5)
    developers = [bench.developer(f"p{number:02}") for number in range(12)]
    second = lambda request: request.path == "/api/developers" and ("page", "2") in request.query  # noqa: E731
    bench.sim.once(second, lambda: bench.store.delete_developer(developers[0]))
    assert len(bench.read().developers) == 11


def test_a_list_that_never_holds_still_is_an_error_in_the_end(make: Make) -> None:
    bench = make(page_size_max=5, paging="always", order="restless")
    for number in range(30):
        bench.developer(f"p{number:02}")
    with pytest.raises(PortalError, match="can't be read completely"):
        bench.read()
    assert bench.paths("GET").count("/api/developers") <= 3 * ROUNDS * 6


def test_a_pause_that_the_portal_asks_for_is_waited(bench: Bench) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("status", status=429, retry_after=0, times=2))
    assert len(bench.read().developers) == 1


def test_a_wrong_token_is_named_and_never_shown(bench: Bench) -> None:
    with pytest.raises(AnswerError, match="401") as caught:
        bench.open(token="a7ee-wrong").read(Scope())
    assert caught.value.advice[0].startswith("Token from API7_TOKEN.")
    assert "a7ee-wrong" not in f"{caught.value.message}{caught.value.advice}"


def test_each_token_goes_to_its_own_service_in_its_own_header(bench: Bench) -> None:
    bench.developer("ann", state="Active")
    seen: set[tuple[str, str | None, str | None]] = set()
    bench.sim.on_request(
        lambda request: seen.add(
            (request.service, request.headers.get("x-api-key"), request.headers.get("authorization"))
        )
    )
    bench.api7.details(["org_ann"])
    assert seen == {
        ("dashboard", bench.sim.token, None),
        ("backend", None, f"Bearer {bench.sim.portal_token}"),
    }


@pytest.mark.wide(2)
@pytest.mark.parametrize("shown", ["error_msg", "message", "text"])
def test_an_error_carries_the_portals_text(make: Make, shown: str) -> None:
    with pytest.raises(AnswerError, match="401 to GET /api/portals: unauthorized"):
        make(dashboard_errors=shown).open(token="a7ee-wrong").read(Scope())


# --- which portal


def test_a_portal_is_found_by_its_exact_name(bench: Bench) -> None:
    bench.store.add_portal("portal-2", "Partners EU")
    assert bench.open(title="Partners").read(Scope()).portal_id == PORTAL


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "which", [{"title": "partners"}, {"title": "Partner"}, {"portal_id": "portal"}, {"title": ""}]
)
def test_a_portal_that_is_not_there_is_not_guessed(bench: Bench, which: dict[str, Any]) -> None:
    with pytest.raises(PortalError, match="no portal") as caught:
        bench.open(**which).read(Scope())
    assert f"Partners ({PORTAL})" in caught.value.advice[0]


def test_two_portals_of_one_name_are_not_chosen_from(bench: Bench) -> None:
    bench.store.add_portal("portal-2", "Partners")
    with pytest.raises(PortalError, match="more than one portal titled 'Partners'"):
        bench.open(title="Partners").read(Scope())
    assert bench.open(portal_id=PORTAL).read(Scope()).portal_id == PORTAL


# --- approvals


def test_who_waits_without_an_approval_is_not_approvable(bench: Bench) -> None:
    ann, _ = bench.developer("ann"), bench.developer("bob")
    bench.store.drop_approval(bench.store.approval_of(ann))
    snapshot = bench.read()
    assert {developer.id: developer.approvable for developer in snapshot.developers} == {
        "org_ann": False,
        "org_bob": True,
    }


def test_approvals_that_do_not_say_whose_they_are_are_told(make: Make) -> None:
    bench = make(approval_portal="absent")
    bench.developer("ann")
    snapshot = bench.read()
    assert [developer.approvable for developer in snapshot.developers] == [False]
    assert [remark.code for remark in snapshot.remarks] == ["untied_approval"]


def test_namesakes_in_portals_of_one_name_are_never_mixed_up(make: Make) -> None:
    bench = make(approval_portal="name", applicant_id="developer_id", resource_id="absent")
    other = bench.store.add_portal("portal-2", "Partners")
    bench.developer("ann")
    bench.store.sign_up(other.id, "ann@x.com", "ann", developer_id="org_ann")
    snapshot = bench.read()
    assert [developer.approvable for developer in snapshot.developers] == [False]
    assert [remark.code for remark in snapshot.remarks] == ["untied_approval", "untied_approval"]


# --- settings


def test_settings_that_a_release_does_not_have_are_unknown(bench: Bench) -> None:
    assert bench.read().settings.auto_approve_developers is None


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], None),
        ([{"id": "1", "provider_type": "oidc"}], None),
        ([{"id": "1", "builtin_config": {"registration_auto_approval": True}}], True),
        ([{"id": "1", "disable": True, "builtin_config": {"registration_auto_approval": True}}], None),
        ([{"id": "1", "builtin_config": {"registration_auto_approval": False}}], False),
    ],
)
def test_the_portals_own_approval_is_told(options: list[dict[str, Any]], told: bool | None) -> None:
    with Lists(login_options={"list": options, "total": len(options)}) as lists:
        assert lists.api7.read(Scope()).settings.auto_approve_developers is told


def test_settings_that_cannot_be_read_are_a_remark_and_no_failure(bench: Bench) -> None:
    bench.sim.inject(Fault("status", status=403, path="/api/portal/login_options"))
    snapshot = bench.read()
    assert snapshot.settings.auto_approve_developers is None
    assert [remark.code for remark in snapshot.remarks] == ["settings_unread"]


# --- the touched, and what goes with them


def test_the_touched_are_seen_as_they_are_now(bench: Bench) -> None:
    ann, _ = bench.developer("ann"), bench.developer("bob", state="Active")
    bench.store.delete_developer(ann)
    assert bench.status("ann", "bob") == [None, "approved"]


def test_newcomers_are_seen_by_id_or_address(bench: Bench) -> None:
    bench.developer("Ann", state="Active")
    found = bench.api7.reread(
        Touched(newcomers=frozenset({"org_Ann", "ann@x.com", "org_bob", "bob@x.com"}))
    ).newcomers
    assert {name: (item.id, item.status) for name, item in found.items()} == {
        "org_Ann": ("org_Ann", "approved"),
        "ann@x.com": ("org_Ann", "approved"),
    }


def test_what_goes_with_an_account_is_told_by_the_backend(bench: Bench) -> None:
    ann, bob = bench.developer("ann", state="Active"), bench.developer("bob", state="Active")
    orders = bench.store.add_product(PORTAL, "Orders", auto_approve=True)
    shop, idle = bench.store.add_application(ann, "Shop"), bench.store.add_application(ann, "Idle")
    till = bench.store.add_application(bob, "Till")
    used, waits = (
        bench.store.add_subscription(shop, orders),
        bench.store.add_subscription(till, bench.store.add_product(PORTAL, "Prices")),
    )
    assert bench.api7.details(["org_ann", "org_bob", "org_gone"]) == (
        Registration(idle.id, "org_ann", idle.id, "Idle", "", "unsubscribed"),
        Registration(used.id, "org_ann", shop.id, "Shop", "Orders", "subscribed"),
        Registration(waits.id, "org_bob", till.id, "Till", "Prices", "wait_for_approval"),
    )
    assert bench.open(backend=False).details(["org_ann"]) == ()


def test_a_backend_of_another_portal_is_not_believed(bench: Bench) -> None:
    other = bench.store.add_portal("portal-2", "Others", token="a7prt-other")
    bench.store.sign_up(other.id, "ann@x.com", "ann", developer_id="org_x")
    bench.developer("ann", state="Active")
    with pytest.raises(PortalError, match="other developers than portal partners") as caught:
        bench.open(portal_token="a7prt-other").details(["org_ann"])
    assert "API7_PORTAL_TOKEN" in caught.value.advice[0]


# --- TLS


def test_a_certificate_is_verified_against_the_given_authority(make: Make) -> None:
    bench = make(tls=True)
    bench.developer("ann", state="Active")
    assert len(bench.read().developers) == 1
    assert bench.api7.details(["org_ann"]) == ()
    strict = Client(Server(bench.sim.url, bench.sim.token, auth="api-key"), policy=RetryPolicy(first=0.0))
    with Api7Portal(strict, None, name="p", portal_id=PORTAL, title=None, now=str, observer=ignore) as api7:
        with pytest.raises(NoAnswerError, match="can't be trusted") as caught:
            api7.read(Scope())
    assert "--ca-file" in caught.value.advice[0]
    assert not caught.value.sent


def test_a_simulator_of_an_older_release_reads_alike() -> None:
    with Api7Simulator(seed="demo", behaviour=Api7Behaviour(version="3.9.2", portal_by_id=False)) as sim:
        client = Client(Server(sim.url, sim.token, auth="api-key"), policy=RetryPolicy(first=0.0))
        portal = sim.store.portals()[0]
        with Api7Portal(client, None, name="p", portal_id=portal.id, title=None, now=str, observer=ignore) as api7:
            assert len(api7.read(Scope()).developers) == len(sim.store.developers(portal.id))
