"""The decisions in the history: approvals, rejections, suspensions, accepted commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert

from portalctl.controller.models import PortalKey
from portalctl.controller.store.transactions import named
from portalctl.controller.tables import DECISIONS


def record(
    connection: Connection,
    kind: str,
    at: datetime,
    *,
    by: str | None = None,
    key: PortalKey | None = None,
    portal: str | None = None,
    digest: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a decision to the history, in the caller's transaction."""
    row = {"kind": kind, "at": at, "by": by, "portal": portal, "digest": digest, "detail": detail}
    connection.execute(insert(DECISIONS).values(**named(key), **row))
