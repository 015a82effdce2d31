"""One portal on the Dashboard, read completely and shared by simultaneous callers."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from portalctl.errors import AnswerError, PortalError
from portalctl.events import Observer
from portalctl.http import Client
from portalctl.identity import normal_address
from portalctl.portals.answer_ids import no_portal, other_answer, same_id
from portalctl.portals.api7.approvals import Place, Ties, tie
from portalctl.portals.api7.lists import Query, Wire
from portalctl.portals.api7.records import Approval, DeveloperRecord, LoginOption, PortalRow
from portalctl.portals.api7.shared_reading import Shared
from portalctl.portals.models import Remark, Settings
from portalctl.portals.thread_pool import Pool

DeveloperRecords = Mapping[str, DeveloperRecord]  # by developer_id


@dataclass(frozen=True, slots=True)
class Look:
    """The developers of the portal, and their approvals."""

    developers: DeveloperRecords
    ties: Ties

    def approval_of(self, developer_id: str) -> Approval | None:
        developer = self.developers.get(developer_id)
        return self.ties.approvals.get(developer.id) if developer is not None else None


class Live:
    """One portal of the Dashboard. Exactly one of `portal_id` and `title` is given.

    `developers` are its developers; `registrations` and `requests` are the pending approvals of all portals that the
    token can see; `looks` tie registrations to developers. Each is read again where its last read began before the
    requested moment (`time.monotonic`), and shared by simultaneous callers. All raise PortalError."""

    def __init__(
        self,
        client: Client,
        pool: Pool,
        *,
        name: str,
        portal_id: str | None,
        title: str | None,
        observer: Observer,
    ) -> None:
        self.client = client
        self._name = name
        self._wanted_id = portal_id
        self._title = title
        self._addresses: dict[str, str | None] = {}  # by developer_id, of developers in the plan
        self._wire = Wire(client, pool, name=name, observer=observer)
        self._place = Shared(self._find_portal)
        self.developers = Shared(self._read_developers)
        self.registrations = Shared(partial(self._approvals, "developer_registration", status="pending"))
        self.requests = Shared(partial(self._approvals, "api_product_subscription", status="pending"))
        self.looks = Shared(self._look)

    def expect(self, developers: Iterable[tuple[str, str | None]]) -> None:
        """Accept these developer_ids only with these addresses, from the next read on.

        New accounts may choose a developer_id that another developer had before.
        """
        self._addresses |= developers

    def place(self) -> Place:
        return self._place.any()

    def outcomes(self, ids: Collection[str]) -> dict[str, str]:
        """Return the status of these requests for access; missing ones are absent."""
        if not ids:
            return {}
        return {
            approval.id: approval.outcome
            for approval in self._approvals("api_product_subscription")
            if approval.id in ids
        }

    def settings(self) -> tuple[Settings, tuple[Remark, ...]]:
        """Return the portal settings.

        Releases since 3.9 may not have login options (404, 405): then nothing is reported. They only inform.
        """
        query = Query("/api/portal/login_options", {"portal_id": self.place().id})
        try:
            options = self._wire.read_list("settings", query, LoginOption)
        except PortalError as error:
            if isinstance(error, AnswerError) and error.status in {404, 405}:
                return Settings(), ()
            unread = f"whether the portal approves sign-ups by itself could not be read: {error.message}"
            return Settings(), (Remark("settings_unread", unread),)
        reported = [option.auto_approval for option in options if not option.disable]
        flags = [flag for flag in reported if flag is not None]
        return Settings(auto_approve_developers=any(flags) if flags else None), ()

    def portals(self) -> tuple[PortalRow, ...]:
        """Return every portal of the Dashboard."""
        return self._wire.read_list("portals", Query("/api/portals"), PortalRow)

    def _find_portal(self) -> Place:
        """Find the portal by its id or exact name: the API's own search is fuzzy."""
        portals = self.portals()
        if self._wanted_id is not None:
            match = [portal for portal in portals if same_id(self._wanted_id, portal.id)]
        else:
            match = [portal for portal in portals if portal.name == self._title]
        if len(match) == 1:
            name = match[0].name or ""
            return Place(match[0].id, name, unique=sum(portal.name == name for portal in portals) == 1)
        raise no_portal(
            self.client,
            [(portal.id, portal.name or "") for portal in portals],
            portal_id=self._wanted_id,
            title=self._title,
            found=len(match),
        )

    def _read_developers(self) -> DeveloperRecords:
        """Read all developers: the Dashboard has no dependable filter for some, or for pending ones."""
        portal_id = self.place().id
        rows = self._wire.read_list("developers", Query("/api/developers", {"portal_id": portal_id}), DeveloperRecord)
        elsewhere = next(
            (row.portal_id for row in rows if row.portal_id and not same_id(portal_id, row.portal_id)), None
        )
        if elsewhere is not None:
            raise other_answer(self.client, "GET /api/developers", "portal", asked=portal_id, answered=elsewhere)
        developers = {row.developer_id: row for row in rows}
        if len(developers) < len(rows):
            raise PortalError(
                f"portal {self._name} has several developers with one developer_id: it cannot identify them"
            )
        return {known: row for known, row in developers.items() if self._is_as_expected(row)}

    def _is_as_expected(self, row: DeveloperRecord) -> bool:
        live = row.email or None
        return _folded(live) == _folded(self._addresses.get(row.developer_id, live))

    def _approvals(self, event: str, **params: str) -> tuple[Approval, ...]:
        """Read the approvals of all portals that the token can see: the Dashboard has no filter by portal."""
        query = Query("/api/approvals", {"event": event, **params}, order_by="applied_at")
        return self._wire.read_list("approvals", query, Approval)

    def _look(self) -> Look:
        # Read approvals first, so that their developers are in the list of developers, if they still exist.
        approvals = self.registrations.read_after(time.monotonic())
        developers = self.developers.read_after(time.monotonic())
        return Look(developers, tie(self.place(), developers.values(), approvals))


def _folded(address: str | None) -> str | None:
    return None if address is None else normal_address(address) or address
