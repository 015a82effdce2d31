"""Values to put into a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from portalctl.changes.operation import Subject
from portalctl.controller.models import HeldPlan, PortalKey, RunRecord
from portalctl.events import Result
from portalctl.output.apply_report import ChangeResult
from portalctl.reason import Reason

NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)
KEY = PortalKey("https://us.api.konghq.com", "3f51fa25-310a-421d-bd1a-007f859021a3")
OTHER = PortalKey(KEY.server, "9a51fa25-310a-421d-bd1a-007f859021a3")
DIGEST = "sha256:" + "a1" * 32
HOUR = timedelta(hours=1)


def run(name: str = "run-1", **fields: Any) -> RunRecord:
    """Return a running run."""
    record = RunRecord(name, "partners", "interval", "full", "running", NOW, key=KEY, commit="c0ffee")
    return RunRecord(**{slot: fields.get(slot, getattr(record, slot)) for slot in record.__slots__})


def result(
    email: str = "ann@example.com", result: Result = "confirmed", *, at: datetime = NOW, already: bool = False
) -> ChangeResult:
    """Return the result of an approval."""
    time = at.isoformat().replace("+00:00", "Z")
    return ChangeResult(
        id=f"approve:{email}",
        op="approve",
        op_class="onboard",
        developer=Subject(email, f"id-{email.partition('@')[0].lower()}"),
        team=None,
        before={"status": "pending"},
        after={"status": "approved"},
        why=(Reason("trusted_domains", "example.com", "partners.yaml", 7),),
        result=result,
        already=already,
        detail="",
        trace="trace-1",
        sent_at=None if already else time,
        answered_at=None if already else time,
        settled_at=time,
    )


def held(digest: str = DIGEST, **fields: Any) -> HeldPlan:
    """Return a held plan."""
    plan = HeldPlan(digest, KEY, "partners", "{}", "held", NOW, NOW + timedelta(hours=24))
    return HeldPlan(**{slot: fields.get(slot, getattr(plan, slot)) for slot in plan.__slots__})
