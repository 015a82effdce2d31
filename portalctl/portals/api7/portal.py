"""One API7 Enterprise portal.

The Dashboard has developers, approvals and deletions; only the portal backend, with another address and token,
creates accounts and lists applications. The portal has pending and approved developers only: rejecting or deleting
removes an account with everything that belongs to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from portalctl.events import Observer
from portalctl.http import Client
from portalctl.identity import normal_address
from portalctl.portals.api7.access_requests import requests_of
from portalctl.portals.api7.approvals import Ties, Untied, is_here, is_vague
from portalctl.portals.api7.backend import Backend
from portalctl.portals.api7.dashboard import DeveloperRecords, Live
from portalctl.portals.api7.ping import check_backend, check_version, first_row
from portalctl.portals.api7.provider import DASHBOARD
from portalctl.portals.api7.records import DeveloperRecord
from portalctl.portals.api7.writing import Writer
from portalctl.portals.models import (
    Developer,
    Identity,
    PendingSignUps,
    Registration,
    Remark,
    Scope,
    Sighting,
    Snapshot,
    Touched,
)
from portalctl.portals.ping_checks import WRITING, Examination
from portalctl.portals.ping_result import Checkup
from portalctl.portals.thread_pool import Pool
from portalctl.portals.unexpected_errors import as_portal_error
from portalctl.portals.writes import CreatedTeam, Precheck, Write, WriteResult, at_any_time

WORKERS = 16


class Api7Portal:
    """One portal. `name` is the handle for messages; exactly one of `portal_id` and `title` is given.

    `backend` None: no server and token of the portal backend are set, and operations that need them are refused.
    `now` returns the time of a snapshot as RFC 3339. The clients decide whether writes can be sent."""

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
        self._backend_client = backend
        self._now = now
        self._pool = Pool(WORKERS, "read")
        self._live = Live(dashboard, self._pool, name=name, portal_id=portal_id, title=title, observer=observer)
        self._backend = Backend(backend, self._pool, self._live, name=name, observer=observer) if backend else None
        self._writer = Writer(self._live, self._backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)
        for client in (self._dashboard, self._backend_client):
            if client is not None:
                client.__exit__(kind, error, trace)

    @property
    def calls(self) -> int:
        """See `Reader.calls`: those to both services."""
        return self._dashboard.calls + (self._backend_client.calls if self._backend_client is not None else 0)

    @property
    def developers_per_check(self) -> int:
        """See `Reader.people_a_look`: all are read in any case."""
        return sys.maxsize

    @as_portal_error("listing the portals")
    def portals(self) -> tuple[Identity, ...]:
        """Return every portal of the Dashboard."""
        return tuple(Identity(portal.id, (portal.name or "",)) for portal in self._live.portals())

    @as_portal_error("identifying the portal")
    def identity(self) -> Identity:
        """See `Reader.identity`. A portal here has one name."""
        place = self._live.place()
        return Identity(place.id, (place.name,))

    @as_portal_error("reading the portal")
    def read(self, scope: Scope) -> Snapshot:
        """See `Reader.read`. There are no teams, so of the scope only requests are left to read.

        Remarks: `untied_approval` and `unowned_request` for approvals without a certain developer, `settings_unread`
        where the portal's own approval of sign-ups can't be read."""
        observed_at = self._now()
        place = self._live.place()
        settings, unread = self._live.settings()
        look = self._live.looks.read_after(time.monotonic())
        asked = self._live.requests.read_after(time.monotonic()) if scope.requests else ()
        requests, unowned = requests_of(place, look.developers.values(), asked)
        return Snapshot(
            portal_id=place.id,
            server=self._dashboard.server.url,
            settings=settings,
            scope=scope,
            developers=tuple(_developer(developer, look.ties) for developer in look.developers.values()),
            teams=(),
            members={},
            observed_at=observed_at,
            remarks=(*unread, *map(_remark, look.ties.untied), *unowned),
            requests=requests,
            portal_names=(place.name,),
        )

    @as_portal_error("reading the portal again")
    def reread(self, touched: Touched) -> Sighting:
        """See `Reader.reread`. All developers are read, and no registrations: there are none to revoke."""
        self._live.expect(touched.developers)
        developers = self._live.developers.read_after(time.monotonic())
        return Sighting(
            developers={
                known: developers[known].developer(approvable=True) if known in developers else None
                for known, _ in touched.developers
            },
            teams={},
            members={},
            newcomers=_newcomers(touched.newcomers, developers) if touched.newcomers else {},
            requests=self._live.outcomes(touched.requests),
        )

    @as_portal_error("counting developers")
    def approved(self) -> int:
        """See `Reader.approved`. All developers are read: the Dashboard's filters are not dependable."""
        return sum(
            developer.status == "approved"
            for developer in self._live.developers.read_after(time.monotonic()).values()
        )

    @as_portal_error("looking for pending developers")
    def pending(self) -> PendingSignUps:
        """See `Reader.pending`, by the pending approvals: their list is short, that of developers is not."""
        place = self._live.place()
        found = self._live.registrations.read_after(time.monotonic())
        here = frozenset(item.id for item in found if is_here(item, place) or is_vague(item, place))
        return PendingSignUps(len(here), here)

    @as_portal_error("reading registrations")
    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        """Return the applications of these developers and their subscriptions, without credentials.

        Only the backend has them, one developer at a time: two calls for each of the few accounts to be deleted.
        Without a backend there are none."""
        if self._backend is None or not developers:
            return ()
        there = sorted(frozenset(developers) & self._live.developers.any().keys())
        with Pool(WORKERS, "details") as readers:
            return self._backend.registrations(there, readers)

    def checkup(self, scope: Scope) -> Checkup:  # noqa: ARG002 (whatever the rules are, the same is read)
        """See `Reader.checkup`."""
        exam = Examination(self._dashboard, self._now)
        if not exam.begin("/api/portals") or exam.look("portal", "the portal is there", self._live.place) is None:
            return Checkup(tuple(exam.checks))
        check_version(exam, self._dashboard)
        here = {"portal_id": self._live.place().id}
        exam.look(
            "read_developers", "developers can be read", partial(first_row, self._dashboard, "/api/developers", here)
        )
        exam.look(
            "read_approvals", "approvals can be read", partial(first_row, self._dashboard, "/api/approvals", {})
        )
        settings, unread = self._live.settings()
        for remark in unread:
            exam.note("read_settings", "warning", remark.message, DASHBOARD.advice[403])
        check_backend(exam, self._backend_client)
        exam.note("write", "unknown", WRITING, DASHBOARD.advice[403])
        return Checkup(tuple(exam.checks), settings, self.identity())

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        """See `Provider.write`. Developers are accepted or rejected only by their own pending approval."""
        return self._writer.write(write, precheck)

    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, CreatedTeam]:
        """See `Provider.new_teams`. API7 has no teams."""
        return {name: CreatedTeam(None) for name in made}


def _developer(developer: DeveloperRecord, ties: Ties) -> Developer:
    return developer.developer(approvable=not developer.pending or developer.id in ties.approvals)


def _newcomers(names: Collection[str], developers: DeveloperRecords) -> dict[str, Developer]:
    """Return developers with an account now, by `developer_id` or normal address. Approvals are not part of it."""
    known: dict[str, DeveloperRecord] = {
        normal_address(developer.email) or "": developer for developer in developers.values() if developer.email
    }
    known |= developers
    return {name: known[name].developer(approvable=False) for name in names if name in known}


def _remark(untied: Untied) -> Remark:
    """Return the remark for an untied approval.

    Its `developer` is text from the approval, typed by a stranger; no decision uses it.
    """
    text = f"approval {untied.approval.id} can't be tied to a registration: {untied.because}"
    named = next(filter(None, untied.approval.names), None)
    return Remark("untied_approval", f"{text}; it is neither accepted nor rejected", named)
