"""The results of changes, as rows of the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert

from portalctl.controller.store.transactions import address_key
from portalctl.controller.tables import RESULTS
from portalctl.output.apply_report import ChangeResult


def add_results(connection: Connection, run_id: str, ended_at: datetime, results: Iterable[ChangeResult]) -> None:
    """Add results of a run, in the caller's transaction."""
    rows = [
        {
            "run": run_id,
            "change": item.id,
            "address": address_key(item.developer.email) if item.developer is not None else None,
            "developer": item.developer.id if item.developer is not None else None,
            "result": item.result,
            "sent": not item.already and item.sent_at is not None,
            "at": datetime.fromisoformat(item.settled_at) if item.settled_at is not None else ended_at,
            "body": result_json(item),
        }
        for item in results
    ]
    if rows:
        connection.execute(insert(RESULTS), rows)


def result_json(result: ChangeResult) -> str:
    """Return a result as JSON, in its published form."""
    return result_adapter().dump_json(result, by_alias=True).decode()


def result_of(body: str) -> ChangeResult:
    """Return a result from its JSON."""
    return result_adapter().validate_json(body)


@cache
def result_adapter() -> TypeAdapter[ChangeResult]:
    """Return what reads and writes results in their published form."""
    return TypeAdapter(ChangeResult)
