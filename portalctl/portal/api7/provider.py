"""One API7 Enterprise portal as a Provider.

People, approvals and deletions are on the Dashboard; accounts are made, and applications seen, only on the portal
backend, which has another address and another token. The portal knows people who wait and people who are in, and
nothing else: who is rejected or deleted is gone, with all that was theirs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Literal, Self

from portalctl.errors import AnswerError, NoAnswerError, PortalError
from portalctl.events import Observer
from portalctl.http import Client
from portalctl.identity import normal_address
from portalctl.portal.api7.answers import taken
from portalctl.portal.api7.approvals import Place, Ties, tie
from portalctl.portal.api7.checkup import check_backend, check_version, first_row
from portalctl.portal.api7.records import Account, Approval, LoginOption, Person, PortalRow, is_id
from portalctl.portal.api7.registrations import in_order, read_registrations
from portalctl.portal.api7.requests import decided, requests_of
from portalctl.portal.api7.shared import Shared
from portalctl.portal.api7.wire import Query, Wire
from portalctl.portal.checkup import Checkup
from portalctl.portal.examination import WRITING, Examination
from portalctl.portal.models import Developer, Registration, Remark, Scope, Settings, Sighting, Snapshot, Touched
from portalctl.portal.writes import ApproveRequest, CreateDeveloper, DeleteDeveloper, SetStatus, Write, Written

WORKERS = 16

# The names of single permissions are not documented for portals beyond their common prefix.
ADVICE = {
    401: "a Dashboard token (a7ee-…) ends when it expires, and with the user it belongs to (Organization > Tokens)",
    403: "the token's user needs the `portal:` permissions for portals, developers and approvals; the Dashboard may "
    "also restrict who may call it by IP address",
}
BACKEND_ADVICE = dict.fromkeys(
    (401, 403), "the portal backend takes a token of the portal itself (a7prt-…, Portal Settings > Tokens)"
)


def needs_backend(write: Write) -> bool:
    """Whether a write goes to the portal backend, and so needs its server and token."""
    return isinstance(write, CreateDeveloper)


@dataclass(frozen=True, slots=True)
class _Look:
    """The people of the portal by `developer_id`, and whose approval is whose."""

    people: Mapping[str, Person]
    ties: Ties

    def approval_of(self, developer_id: str) -> Approval | None:
        person = self.people.get(developer_id)
        return self.ties.approvals.get(person.id) if person is not None else None


@dataclass(frozen=True, slots=True)
class _Call:
    """One write as it goes over the wire."""

    client: Client
    method: Literal["POST", "DELETE"]
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None


class _OvertakenError(PortalError):
    """The live state is not that of the plan any more: nothing was sent, and only the live state can tell."""


class Api7:
    """One portal. `name` is the handle for messages; exactly one of `portal_id` and `title` is given.

    `backend` None: no server and token of the portal backend are at hand, and what needs them is refused. `now` gives
    the time of a reading as RFC 3339. The clients decide whether writes can be sent.
    """

    def __init__(
        self,
        dashboard: Client,
        backend: Client | None,
        *,
        name: str,
        portal_id: str | None,
        title: str | None,
        now: Callable[[], str],
        observer: Observer,
    ) -> None:
        self._dashboard = dashboard
        self._backend = backend
        self._name = name
        self._wanted_id = portal_id
        self._title = title
        self._now = now
        self._observer = observer
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="portalctl-read")
        self._wire = Wire(dashboard, self._pool, name=name, observer=observer)
        self._place = Shared(self._find_portal)
        self._approvals = Shared(self._read_approvals)
        self._looks = Shared(self._look)
        self._checked_backend = Shared(self._check_backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for client in (self._dashboard, self._backend):
            if client is not None:
                client.__exit__(kind, error, trace)

    # --- reading

    def read(self, scope: Scope) -> Snapshot:
        """See `Reader.read`. There are no teams, so of the scope nothing is left to read.

        Remarks: `untied_approval` and `no_approval` where an approval and a person who waits can't be brought
        together, `settings_unread` where the portal's own approval of sign-ups can't be known.
        """
        calls = self._dashboard.calls
        observed_at = self._now()
        place = self._place.any()
        settings, unread = self._settings()
        look = self._looks.since(time.monotonic())
        asked = self._subscriptions({"status": "pending"}) if scope.requests else ()
        requests, unowned = requests_of(place, look.people.values(), asked)
        return Snapshot(
            portal_id=place.id,
            server=self._dashboard.server.url,
            settings=settings,
            scope=scope,
            developers=tuple(_developer(person, look.ties) for person in look.people.values()),
            teams=(),
            members={},
            observed_at=observed_at,
            calls=self._dashboard.calls - calls,
            remarks=(*unread, *_remarks(look.ties), *unowned),
            requests=requests,
        )

    def reread(self, touched: Touched) -> Sighting:
        """See `Reader.reread`. The Dashboard has no way to ask for some people only: all are read."""
        people = self._people()
        newcomers = _newcomers(touched.newcomers, people) if touched.newcomers else {}
        registrations = self.details(touched.registrations_of & people.keys())
        return Sighting(
            status={known: people[known].status if known in people else None for known, _ in touched.people},
            teams={},
            members={},
            newcomers=newcomers,
            registrations={row.id: row.status for row in registrations},
            requests=self._requests(touched.requests),
        )

    def details(self, people: Collection[str]) -> tuple[Registration, ...]:
        """The applications of these developers and what they are subscribed to. Of credentials nothing is told.

        Only the backend tells, and only of one developer at a time: two calls for each person. Without a backend
        nothing can be known, and nothing is told.
        """
        if self._backend is None or not people:
            return ()
        wire = self._backend_wire(self._checked_backend.any())
        there = sorted(frozenset(people) & self._looks.any().people.keys())
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="portalctl-details") as pool:
            lists = list(pool.map(lambda person: read_registrations(wire, person), there))
        return in_order(row for rows in lists for row in rows)

    def checkup(self, scope: Scope) -> Checkup:  # noqa: ARG002 (whatever the rules are, the same is read)
        """See `Reader.checkup`."""
        exam = Examination(self._dashboard, self._now)
        if not exam.begin("/api/portals") or exam.look("portal", "the portal is there", self._place.any) is None:
            return Checkup(tuple(exam.checks))
        check_version(exam, self._dashboard)
        here = {"portal_id": self._place.any().id}
        exam.look(
            "read_developers", "developers can be read", partial(first_row, self._dashboard, "/api/developers", here)
        )
        exam.look(
            "read_approvals", "approvals can be read", partial(first_row, self._dashboard, "/api/approvals", {})
        )
        settings, unread = self._settings()
        for remark in unread:
            exam.note("read_settings", "warning", remark.message, ADVICE[403])
        check_backend(exam, self._backend)
        exam.note("write", "unknown", WRITING, ADVICE[403])
        return Checkup(tuple(exam.checks), settings)

    def _find_portal(self) -> Place:
        """The portal by its id or exact name: the API's own search is a loose one."""
        portals = self._wire.read_list("portals", Query("/api/portals"), PortalRow)
        if self._wanted_id is not None:
            match = [portal for portal in portals if portal.id == self._wanted_id]
        else:
            match = [portal for portal in portals if portal.name == self._title]
        if len(match) == 1:
            name = match[0].name or ""
            return Place(match[0].id, name, unique=sum(portal.name == name for portal in portals) == 1)
        wanted = f"titled {self._title!r}" if self._wanted_id is None else f"with id {self._wanted_id}"
        there = ", ".join(f"{portal.name} ({portal.id})" for portal in portals) or "none that this token can see"
        raise PortalError(
            f"{'more than one' if match else 'no'} portal {wanted} at {self._dashboard.server.url}",
            f"portals there: {there}",
        )

    def _settings(self) -> tuple[Settings, tuple[Remark, ...]]:
        """Releases since 3.9 may not have login options (404, 405): then nothing is told. They only inform."""
        query = Query("/api/portal/login_options", {"portal_id": self._place.any().id})
        try:
            options = self._wire.read_list("settings", query, LoginOption)
        except PortalError as error:
            if isinstance(error, AnswerError) and error.status in {404, 405}:
                return Settings(), ()
            unread = f"whether the portal approves sign-ups by itself could not be read: {error.message}"
            return Settings(), (Remark("settings_unread", unread),)
        told = [option.auto_approval for option in options if not option.disable]
        flags = [flag for flag in told if flag is not None]
        return Settings(auto_approve_developers=any(flags) if flags else None), ()

    def _people(self) -> Mapping[str, Person]:
        portal_id = self._place.any().id
        rows = self._wire.read_list("developers", Query("/api/developers", {"portal_id": portal_id}), Person)
        here = [row for row in rows if row.portal_id in {None, "", portal_id}]
        people = {row.developer_id: row for row in here}
        if len(people) < len(here):
            raise PortalError(
                f"portal {self._name} has several developers with one developer_id: they can't be told apart"
            )
        return people

    def _read_approvals(self) -> tuple[Approval, ...]:
        """Those of all portals that the token can see: the Dashboard has no way to ask for one portal's."""
        asked = {"event": "developer_registration", "status": "pending"}
        query = Query("/api/approvals", asked, order_by="applied_at")
        return self._wire.read_list("approvals", query, Approval)

    def _subscriptions(self, params: Mapping[str, str]) -> tuple[Approval, ...]:
        query = Query("/api/approvals", {"event": "api_product_subscription", **params}, order_by="applied_at")
        return self._wire.read_list("requests", query, Approval)

    def _requests(self, ids: Collection[str]) -> dict[str, str]:
        if not ids:
            return {}
        return {each.id: decided(each) for each in self._subscriptions({}) if each.id in ids}

    def _look(self) -> _Look:
        # In this order whoever an approval is about is in the list of people, if they are still there.
        approvals = self._approvals.since(time.monotonic())
        people = self._people()
        return _Look(people, tie(self._place.any(), people.values(), approvals))

    # --- the backend

    def _backend_wire(self, backend: Client) -> Wire:
        return Wire(backend, self._pool, name=self._name, observer=self._observer)

    def _check_backend(self) -> Client:
        """The backend, once nothing speaks against its being that of this portal: no call says whose token it is.

        Raises PortalError when it has people whom the portal does not have, or none of those who are in.
        """
        if self._backend is None:
            raise PortalError("no server and token of the portal backend are given, and the Dashboard can't do this")
        accounts = self._backend_wire(self._backend).read_list("accounts", Query("/api/developers"), Account)
        people = self._looks.since(time.monotonic()).people.values()
        known = {text for person in people for text in (person.id, person.developer_id)}
        strangers = any(account.id not in known for account in accounts)
        if strangers or (not accounts and not all(person.pending for person in people)):
            raise PortalError(
                f"the portal backend at {self._backend.server.url} has other developers than portal {self._name} on "
                "the Dashboard",
                f"the token from {self._backend.server.token_source} may be that of another portal",
            )
        return self._backend

    # --- writing

    def write(self, write: Write) -> Written:
        """See `Provider.write`. Nobody is accepted or rejected but by an approval that is theirs and still waits."""
        try:
            call = self._call(write)
        except _OvertakenError as error:
            return Written("unclear", error.message)
        except PortalError as error:
            return Written("refused", error.message)  # nothing was sent
        try:
            answer = call.client.request(call.method, call.path, params=call.params, body=call.body)
        except NoAnswerError as error:
            return Written("unclear" if error.sent else "refused", error.message)
        return taken(call.client, answer, created=write.developer if isinstance(write, CreateDeveloper) else None)

    def _call(self, write: Write) -> _Call:
        """Raises PortalError for what must not or can't be sent, _OvertakenError for what is no longer as planned."""
        match write:
            case SetStatus(developer_id, "approved"):
                return self._decision("accept", developer_id)
            case DeleteDeveloper(developer_id):
                return self._deletion(developer_id)
            case ApproveRequest(request_id=request_id):
                return self._acceptance(request_id)
            case CreateDeveloper(developer=developer_id):
                body = {"developer_id": _checked(developer_id)}
                return _Call(self._checked_backend.any(), "POST", "/api/developers", body=body)
            case SetStatus(_, status):
                raise PortalError(f"API7 has no way to set somebody to {status}")
            case _:
                raise PortalError(f"API7 has nothing like {type(write).__name__}")

    def _deletion(self, developer_id: str) -> _Call:
        person = self._looks.since(time.monotonic()).people.get(developer_id)
        if person is None:
            raise _OvertakenError(f"there is no developer {developer_id}")
        if person.pending:
            return self._decision("reject", developer_id)
        path = f"/api/developers/{_checked(developer_id)}"
        return _Call(self._dashboard, "DELETE", path, {"portal_id": self._place.any().id})

    def _decision(self, verb: Literal["accept", "reject"], developer_id: str) -> _Call:
        approval = self._waiting_approval(developer_id)
        return _Call(self._dashboard, "POST", f"/api/approvals/{_checked(approval.id)}/{verb}")

    def _acceptance(self, request_id: str) -> _Call:
        waiting = {each.id for each in self._subscriptions({"status": "pending"}) if each.awaits_subscription}
        if request_id not in waiting:
            raise _OvertakenError(f"request {request_id} does not wait any more: somebody decided on it")
        return _Call(self._dashboard, "POST", f"/api/approvals/{_checked(request_id)}/accept")

    def _waiting_approval(self, developer_id: str) -> Approval:
        """The developer's approval, seen waiting just now.

        Whose an approval is does not change: one look at all people does for many decisions. That it still waits is
        looked at each time.
        """
        asked = time.monotonic()
        approval = self._looks.any().approval_of(developer_id)
        if approval is None:
            look = self._looks.since(asked)
            approval = look.approval_of(developer_id)
            person = look.people.get(developer_id)
            if person is None or not person.pending:
                raise _OvertakenError(f"{developer_id} does not wait for approval any more")
        if approval is None:
            raise PortalError(
                f"no pending approval is provably that of {developer_id}: decide on it in the Dashboard"
            )
        if approval not in self._approvals.since(asked):
            raise _OvertakenError(f"the approval of {developer_id} does not wait any more: somebody decided on it")
        return approval


def _developer(person: Person, ties: Ties) -> Developer:
    return person.developer(approvable=not person.pending or person.id in ties.approvals)


def _newcomers(names: Collection[str], people: Mapping[str, Person]) -> dict[str, Developer]:
    """Who has an account by now, by `developer_id` or normal address. Nobody reads from this who can be approved."""
    known = {normal_address(person.email) or "": person for person in people.values() if person.email}
    known |= dict(people)
    return {name: known[name].developer(approvable=False) for name in names if name in known}


def _remarks(ties: Ties) -> list[Remark]:
    untied = [
        Remark(
            "untied_approval",
            f"approval {each.approval.id} ({each.approval.name or 'no name'}) can't be tied to a registration: "
            f"{each.because}; it is neither accepted nor rejected",
        )
        for each in ties.untied
    ]
    without = [
        Remark(
            "no_approval",
            "waits for approval, and no pending approval is provably theirs: neither accepted nor rejected",
            person.email or person.developer_id,
        )
        for person in ties.without
    ]
    return untied + without


def _checked(text: str) -> str:
    """An id, in which nothing has to be encoded for a path. Raises PortalError for what is none."""
    if not is_id(text):
        raise PortalError(f"{text!r} is no id that API7 takes: letters, digits, `-`, `_` and `.`")
    return text
