"""The controller after its database was restored from a backup: nothing is applied twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.controller.running import Starter

pytestmark = pytest.mark.slow
RULES = """
trusted_domains:
  - {domain: city.example, teams: [city]}
teams:
  - {name: city, membership: exclusive}
"""
ANN, BOB, EVE = "ann@city.example", "bob@city.example", "eve@other.example"


def back_up(database: Path, copy: Path) -> None:
    """Back up a database, which may be in use."""
    with closing(sqlite3.connect(database)) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)


def restore(database: Path, copy: Path) -> None:
    """Replace a database by its backup. No process may use it."""
    for path in database.parent.glob(f"{database.name}-*"):
        path.unlink()
    copy.replace(database)


def test_a_plan_that_was_applied_after_the_copy_is_not_applied_again(
    bench: Bench, starter: Starter, tmp_path: Path
) -> None:
    database, copy = tmp_path / "state" / "controller.db", tmp_path / "copy.db"
    bench.people(approved=[EVE])
    bench.team("city", EVE)
    bench.manifest(RULES)
    with starter("full") as running:
        held = running.view().held
        assert held is not None
        running.store.decide(held.digest, "approved", "carol", datetime.now(UTC))
        back_up(database, copy)
        running.run_again(trigger="approval")
        bench.people(pending=[ANN])
        running.run_again()
    assert (bench.members("city"), bench.status(ANN)) == ({ANN}, "approved")
    restore(database, copy)
    before = list(bench.writes)
    with starter("full") as running:
        view = running.run_again()
        assert view.held is None
        plan = running.store.plan(held.digest)
        assert plan is not None
        assert plan.state == "stale"
        bench.people(pending=[BOB])
        running.run_again()
    assert [write for write in bench.writes[len(before) :] if bench.emails[EVE] in write] == []
    assert [write for write in bench.writes[len(before) :] if bench.emails[ANN] in write] == []
    assert bench.members("city") == {ANN, BOB}
