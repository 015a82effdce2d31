"""Held plans, and what users decide about them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from portalctl.controller.database_errors import ConflictError
from portalctl.controller.models import HeldPlan, PlanState, PortalKey
from portalctl.controller.store.decisions import record
from portalctl.controller.store.transactions import Found, Transactions, named, of
from portalctl.controller.tables import HELD_PLANS

ADVICE = "Look at the portal's plan again: portalctl history lists what was decided."


class HeldPlans(Transactions):
    """Questions about held plans."""

    def hold(self, plan: HeldPlan) -> bool:
        """Hold a plan until it is approved. Returns whether it was not held before: users are notified then.

        A plan that is held already keeps its start, and gets the new document; one that was approved stays so. A
        plan that was rejected, carried out, stale or expired is held again from `started_at`.
        """
        with self._write() as connection:
            found = _found(connection, plan.digest)
            files = json.dumps(dict(plan.files))
            if found is None:
                values = {**named(plan.key), "portal": plan.portal, "plan": plan.plan, "state": "held"}
                times = {"started_at": plan.started_at, "expires": plan.expires}
                connection.execute(insert(HELD_PLANS).values(digest=plan.digest, files=files, **values, **times))
            elif found.state == "held" and found.expires > plan.started_at:
                _set(connection, plan.digest, plan=plan.plan, files=files)
                return False
            elif found.state == "approved":
                return False
            else:
                times = {"started_at": plan.started_at, "expires": plan.expires}
                decided = {"decided_by": None, "decided_at": None, "files": files}
                _set(connection, plan.digest, plan=plan.plan, state="held", **times, **decided)
            _record(connection, plan, "held", plan.started_at)
            return True

    def held(self, key: PortalKey) -> list[HeldPlan]:
        """Return the plans of a portal that are held or approved, the newest first."""
        with self._read() as connection:
            statement = select(HELD_PLANS).where(of(HELD_PLANS, key), HELD_PLANS.c.state.in_(("held", "approved")))
            return [_plan(row) for row in connection.execute(statement.order_by(HELD_PLANS.c.started_at.desc()))]

    def plan(self, digest: str) -> HeldPlan | None:
        """Return a plan that is or was held."""
        with self._read() as connection:
            found = _found(connection, digest)
            return _plan(found) if found is not None else None

    def decide(
        self,
        digest: str,
        state: Literal["approved", "rejected"],
        by: str,
        now: datetime,
    ) -> HeldPlan:
        """Approve or reject a held plan. Raises ConflictError unless it is held now."""
        with self._write() as connection:
            held = (HELD_PLANS.c.digest == digest, HELD_PLANS.c.state == "held", HELD_PLANS.c.expires > now)
            values = {"state": state, "decided_by": by, "decided_at": now}
            changed = connection.execute(update(HELD_PLANS).where(*held).values(**values)).rowcount > 0
            found = _found(connection, digest)
            if found is None:
                raise ConflictError(f"no plan with the digest {digest} is held", ADVICE)
            plan = _plan(found)
            if not changed:
                why = f"it is {plan.state}" if plan.state != "held" else "it has expired"
                decided = f", decided by {plan.decided_by}" if plan.decided_by is not None else ""
                raise ConflictError(f"the plan {digest} cannot be {state}: {why}{decided}", ADVICE)
            _record(connection, plan, state, now, by)
            return plan

    def set_plan_state(self, digest: str, state: PlanState, now: datetime) -> None:
        """Record what became of a held plan."""
        with self._write() as connection:
            _set(connection, digest, state=state)
            found = _found(connection, digest)
            if found is not None:
                _record(connection, _plan(found), state, now)


def _found(connection: Connection, digest: str) -> Found | None:
    return connection.execute(select(HELD_PLANS).where(HELD_PLANS.c.digest == digest)).first()


def _set(connection: Connection, digest: str, **values: object) -> None:
    connection.execute(update(HELD_PLANS).where(HELD_PLANS.c.digest == digest).values(**values))


def _record(connection: Connection, plan: HeldPlan, kind: PlanState, at: datetime, by: str | None = None) -> None:
    record(connection, kind, at, by=by, key=plan.key, portal=plan.portal, digest=plan.digest)


def _plan(row: Found) -> HeldPlan:
    return HeldPlan(
        digest=row.digest,
        key=PortalKey(row.server, row.portal_id),
        portal=row.portal,
        plan=row.plan,
        state=row.state,
        started_at=row.started_at,
        expires=row.expires,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        files=json.loads(row.files) if row.files is not None else {},
    )
