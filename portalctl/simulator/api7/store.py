"""Direct access of tests to the simulated portals:

sign developers up, add records, inspect them. Its changes are visible at once. Every `add_…` and `sign_up` returns
the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from portalctl.simulator.api7 import lifecycle
from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.records import (
    Application,
    Credential,
    Event,
    Product,
    Provider,
    SimulatedApproval,
    SimulatedDeveloper,
    SimulatedPortal,
    State,
    Subscription,
    SubscriptionStatus,
)
from portalctl.simulator.message import Json


class SimulatedStore:
    """Helpers by kind. Ids and times are made up where none are given."""

    def __init__(self, db: Database, portal_token: str) -> None:
        """`portal_token` opens the backend for the first portal; each further one has its own."""
        self._db = db
        self._portal_token = portal_token

    def add_portal(
        self,
        id: str | None = None,
        name: str = "Partners",
        *,
        auto_approve: bool = False,
        public_access: bool = True,
        token: str | None = None,
    ) -> SimulatedPortal:
        """`auto_approve`: who signs up is Active at once. `token`: what opens the backend for this portal."""
        with self._db.by_hand():
            number = len(self.portals())
            token = token or (f"{self._portal_token}-{number + 1}" if number else self._portal_token)
            portal = SimulatedPortal(
                id or self._db.new_id(), name, token, self._db.now(), auto_approve, public_access=public_access
            )
            return self._db.put(portal)

    def sign_up(
        self,
        portal_id: str,
        email: str | None,
        name: str = "",
        *,
        provider: Provider | None = "builtin",
        verified: bool | None = True,
        username: str | None = None,
        developer_id: str | None = None,
        id: str | None = None,
        state: State | None = None,
        created_at: datetime | None = None,
        last_active_at: datetime | None = None,
    ) -> SimulatedDeveloper:
        """A developer signs up at the portal. `state` None: by the portal's auto-approval."""
        with self._db.by_hand():
            portal = self.portal(portal_id)
            local = (email or "").partition("@")[0]
            at = created_at or self._db.now()
            internal = id or self._db.new_id()
            if state is None:
                known_to_idp = provider == "sso" and self._db.behaviour.sso_state == "Active"
                state = "Active" if known_to_idp else lifecycle.default_state(portal)
            developer = SimulatedDeveloper(
                id=internal,
                portal_id=portal_id,
                developer_id=developer_id or f"org_{internal.replace('-', '')[:12]}",
                name=name or local or "unnamed",
                state=state,
                created_at=at,
                updated_at=at,
                username=username if username is not None else local,
                email=email,
                email_verified=verified,
                provider=provider,
                last_active_at=last_active_at,
            )
            return lifecycle.register(self._db, portal, developer)

    def add_product(self, portal_id: str, name: str, *, auto_approve: bool = False, id: str | None = None) -> Product:
        """`auto_approve`: subscriptions need no approval."""
        with self._db.by_hand():
            return self._db.put(Product(id or self._db.new_id(), portal_id, name, self._db.now(), auto_approve))

    def add_application(
        self,
        developer: SimulatedDeveloper,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        id: str | None = None,
    ) -> Application:
        with self._db.by_hand():
            now = self._db.now()
            return self._db.put(
                Application(id or self._db.new_id(), developer.id, name, now, now, labels=dict(labels or {}))
            )

    def add_subscription(
        self, application: Application, product: Product, *, status: SubscriptionStatus | None = None
    ) -> Subscription:
        """`status` None: subscribed at once or pending, by the product's settings."""
        with self._db.by_hand():
            return lifecycle.subscribe(self._db, application, product, status)

    def add_credential(
        self,
        application: Application,
        name: str = "key",
        *,
        type: Literal["key-auth", "basic-auth", "oauth"] = "key-auth",
        settings: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> Credential:
        with self._db.by_hand():
            now = self._db.now()
            credential = Credential(
                id or self._db.new_id(), application.id, name, type, now, now, settings=dict(settings or {})
            )
            return self._db.put(credential)

    def set_developer(self, developer: SimulatedDeveloper, **fields: Json) -> SimulatedDeveloper:
        """Changes fields of the record, such as `email` or `state`, and nothing else."""
        with self._db.by_hand():
            return self._db.put(replace(self._developer(developer), **fields))

    def set_portal(self, portal_id: str, **fields: Json) -> SimulatedPortal:
        """Changes fields of the record, such as `auto_approve`."""
        with self._db.by_hand():
            return self._db.put(replace(self.portal(portal_id), **fields))

    def accept(self, approval: SimulatedApproval, operator: str = lifecycle.ADMIN) -> SimulatedApproval:
        """Another user accepts."""
        with self._db.by_hand():
            return lifecycle.decide(self._db, approval, "accepted", operator)

    def reject(self, approval: SimulatedApproval, operator: str = lifecycle.ADMIN) -> SimulatedApproval:
        """Another user rejects: the account or the subscription is gone."""
        with self._db.by_hand():
            return lifecycle.decide(self._db, approval, "rejected", operator)

    def delete_developer(self, developer: SimulatedDeveloper) -> None:
        """With all that belongs to it."""
        with self._db.by_hand():
            lifecycle.erase_developer(self._db, self._developer(developer))

    def drop_approval(self, approval: SimulatedApproval) -> None:
        """The record disappears, and nothing else happens."""
        with self._db.by_hand():
            self._db.drop(approval)

    def portal(self, portal_id: str) -> SimulatedPortal:
        """Raises KeyError where there is none."""
        with self._db.lock:
            found = self._db.truth.get(SimulatedPortal, portal_id)
        if found is None:
            raise KeyError(portal_id)
        return found

    def portals(self) -> list[SimulatedPortal]:
        with self._db.lock:
            return self._db.truth.all(SimulatedPortal)

    def developers(self, portal_id: str) -> list[SimulatedDeveloper]:
        with self._db.lock:
            return [
                developer for developer in self._db.truth.all(SimulatedDeveloper) if developer.portal_id == portal_id
            ]

    def approvals(self, portal_id: str | None = None, *, event: Event | None = None) -> list[SimulatedApproval]:
        """Pending and finished ones."""
        with self._db.lock:
            every = self._db.truth.all(SimulatedApproval)
        return [portal for portal in every if portal_id in (None, portal.portal.id) and event in (None, portal.event)]

    def approval_of(self, developer: SimulatedDeveloper) -> SimulatedApproval:
        """That of the developer's registration. Raises KeyError where there is none."""
        for approval in self.approvals(event="developer_registration"):
            if approval.applicant.id == developer.id:
                return approval
        raise KeyError(developer.developer_id)

    def applications(self, portal_id: str | None = None) -> list[Application]:
        """Those of a portal's developers; None: all, also where there is no developer any more."""
        with self._db.lock:
            every = self._db.truth.all(Application)
        if portal_id is None:
            return every
        owners = {developer.id for developer in self.developers(portal_id)}
        return [portal for portal in every if portal.owner_id in owners]

    def subscriptions(self, portal_id: str | None = None) -> list[Subscription]:
        """Those of a portal's applications; None: all."""
        with self._db.lock:
            every = self._db.truth.all(Subscription)
        applications = {application.id for application in self.applications(portal_id)}
        return [portal for portal in every if portal_id is None or portal.application_id in applications]

    def credentials(self, portal_id: str | None = None) -> list[Credential]:
        """Those of a portal's applications; None: all."""
        with self._db.lock:
            every = self._db.truth.all(Credential)
        applications = {application.id for application in self.applications(portal_id)}
        return [portal for portal in every if portal_id is None or portal.application_id in applications]

    def _developer(self, developer: SimulatedDeveloper) -> SimulatedDeveloper:
        """The record as it is by now. Raises KeyError where it is gone."""
        found = self._db.truth.get(SimulatedDeveloper, developer.id)
        if found is None:
            raise KeyError(developer.developer_id)
        return found
