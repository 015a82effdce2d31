"""Findings of drift and when they were there, and changes that others made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from portalctl.controller.models import ExternalChange, PortalKey
from portalctl.controller.store.transactions import Transactions, address_key, named, of
from portalctl.controller.tables import FINDINGS, OBSERVATIONS, PORTALS
from portalctl.insight.drift import DriftFinding


class DriftRecords(Transactions):
    """Questions about drift."""

    def save_findings(self, key: PortalKey, findings: Iterable[DriftFinding], now: datetime) -> None:
        """Record what a reconcile found: findings that are new, and those that are gone."""
        current = {finding.fingerprint: finding for finding in findings}
        there = (of(FINDINGS, key), FINDINGS.c.last_seen.is_(None))
        with self._read() as connection:
            open_ = set(connection.execute(select(FINDINGS.c.fingerprint).where(*there)).scalars())
        if open_ == current.keys():
            return
        with self._write() as connection:
            gone = [{"fingerprint_": fingerprint} for fingerprint in open_ - current.keys()]
            if gone:
                one = update(FINDINGS).where(*there, FINDINGS.c.fingerprint == bindparam("fingerprint_"))
                connection.execute(one.values(last_seen=now), gone)
            portal = _name(connection, key)
            rows = [_row(key, portal, item, now) for fingerprint, item in current.items() if fingerprint not in open_]
            if rows:
                connection.execute(insert(FINDINGS), rows)

    def observe(self, key: PortalKey, observations: Iterable[ExternalChange]) -> None:
        """Record changes that others made."""
        with self._write() as connection:
            portal = _name(connection, key)
            rows = [
                {
                    **named(key),
                    "portal": portal,
                    "developer": item.developer,
                    "address": address_key(item.address),
                    "kind": item.kind,
                    "before": item.before,
                    "after": item.after,
                    "at": item.at,
                }
                for item in observations
            ]
            if rows:
                connection.execute(insert(OBSERVATIONS), rows)


def finding_of(body: str) -> DriftFinding:
    """Return a finding from its JSON."""
    return _adapter().validate_json(body)


@cache
def _adapter() -> TypeAdapter[DriftFinding]:
    return TypeAdapter(DriftFinding)


def _name(connection: Connection, key: PortalKey) -> str:
    return connection.execute(select(PORTALS.c.name).where(of(PORTALS, key))).scalar() or ""


def _row(key: PortalKey, portal: str, finding: DriftFinding, now: datetime) -> dict[str, object]:
    return {
        **named(key),
        "portal": portal,
        "fingerprint": finding.fingerprint,
        "address": address_key(finding.developer),
        "first_seen": now,
        "body": _adapter().dump_json(finding).decode(),
    }
