"""Findings of drift and when they were there, and changes that others made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from portalctl.controller.models import ExternalChange, PortalKey
from portalctl.controller.store.transactions import Transactions, address_key, named, of
from portalctl.controller.tables import FINDINGS, OBSERVATIONS, PORTALS, RESULTS, RUNS
from portalctl.insight.drift import DriftFinding

CREATION: Final = "create_developer:"  # how the id of a change that creates an account begins


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
        """Record changes that others made. An account that a run of the history created is not one of them."""
        with self._write() as connection:
            portal = _name(connection, key)
            created = _created(connection, key)
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
                if item.before is not None or address_key(item.address) not in created
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


def _created(connection: Connection, key: PortalKey) -> set[str | None]:
    """Return the addresses of accounts that runs have created since the last reading, or may have."""
    joined = RESULTS.join(RUNS, RESULTS.c.run == RUNS.c.id)
    last_reading = select(PORTALS.c.reading_at).where(of(PORTALS, key)).scalar_subquery()
    made = (RESULTS.c.result.in_(("confirmed", "unknown")), RESULTS.c.change.startswith(CREATION))
    statement = (
        select(RESULTS.c.address).select_from(joined).where(of(RUNS, key), RESULTS.c.at >= last_reading, *made)
    )
    return set(connection.execute(statement).scalars())


def _row(key: PortalKey, portal: str, finding: DriftFinding, now: datetime) -> dict[str, object]:
    return {
        **named(key),
        "portal": portal,
        "fingerprint": finding.fingerprint,
        "address": address_key(finding.developer),
        "first_seen": now,
        "body": _adapter().dump_json(finding).decode(),
    }
