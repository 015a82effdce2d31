"""What the pages of a controller with a long history cost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from pathlib import Path

import httpx
from sqlalchemy import Engine, create_engine, insert

from portalctl.controller.models import DATABASE_FILE, PortalKey
from portalctl.controller.schedule import Timing
from portalctl.controller.tables import RESULTS, RUNS
from portalctl.run_context import utc_now
from tests.bench import population
from tests.bench.processes import Portal
from tests.bench.running import NEVER, running

PER_RUN = 20  # changes
BATCH = 1_000  # runs


def pages(folder: str, developers: int, rows: int, rounds: int) -> dict[str, float]:
    """The 95th percentile of each page in milliseconds, by a viewer, with `rows` changes in the history."""
    manifest, timing = population.manifest(developers), Timing(NEVER, NEVER)
    with (
        Portal(developers) as portal,
        running(Path(folder), manifest, portal.url, "observe", timing) as (controller, server),
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as http,
    ):
        key = controller.loop.views["partners"].key
        assert key is not None
        engine = create_engine(f"sqlite:///{folder}/state/{DATABASE_FILE}")
        _fill(engine, key, rows)
        engine.dispose()
        paths = {
            "portals": ["/"],
            "portal": ["/portals/partners"],
            "run": [f"/runs/{number:032x}" for number in range(rounds)],
            "directories": ["/directories"],
        }
        return {name: _p95(http, (found * rounds)[:rounds]) for name, found in paths.items()}


def _p95(http: httpx.Client, paths: list[str]) -> float:
    took = []
    for path in paths:
        began = time.perf_counter()
        http.get(path).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    return sorted(took)[ceil(len(took) * 0.95) - 1]


def _fill(engine: Engine, key: PortalKey, rows: int) -> None:
    """Add runs with changes, the newest a minute ago and two minutes apart."""
    numbers = list(range(rows // PER_RUN))
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH]
        with engine.begin() as connection:
            connection.execute(insert(RUNS), [_run(number, key) for number in part])
            connection.execute(insert(RESULTS), [row for number in part for row in _results(number)])


def _run(number: int, key: PortalKey) -> dict[str, object]:
    at = utc_now() - timedelta(minutes=1 + 2 * number)
    counts = {"confirmed": PER_RUN, "failed": 0, "skipped": 0, "unknown": 0}
    return {
        "id": f"{number:032x}",
        **key._asdict(),
        "portal": "partners",
        "trigger_": "interval",
        "mode": "full",
        "state": "succeeded",
        "started_at": at,
        "ended_at": at,
        **counts,
        "writer": "controller",
    }


def _results(number: int) -> Iterator[dict[str, object]]:
    at = utc_now() - timedelta(minutes=1 + 2 * number)
    for place in range(PER_RUN):
        id_ = f"{number:08x}-0000-4000-8000-{place:012x}"
        address = f"dev{number}-{place}@club0.com"
        body = {
            "id": f"approve:{address}",
            "op": "approve",
            "class": "onboard",
            "developer": {"email": address, "id": id_},
            "team": None,
            "before": {"status": "pending"},
            "after": {"status": "approved"},
            "why": [{"rule": "trusted_domains", "value": "club0.com", "file": "portals/partners.yaml", "line": 9}],
            "result": "confirmed",
            "already": False,
            "detail": "",
            **dict.fromkeys(("trace", "sent_at", "answered_at", "settled_at")),
        }
        known = {"run": f"{number:032x}", "change": body["id"], "address": address, "developer": id_}
        yield {**known, "result": "confirmed", "sent": True, "at": at, "body": json.dumps(body)}
