"""The controller's state and history: one method for each question, each a short transaction.

All methods can be called from any thread. They raise StoreError where the database cannot be read or written. Times
are parameters, with a time zone: only `time` reads a clock.
"""

from __future__ import annotations

from portalctl.controller.store.coordination import Coordination
from portalctl.controller.store.developer_counts import CountsOverTime
from portalctl.controller.store.drift import DriftRecords
from portalctl.controller.store.erasure import Erasure
from portalctl.controller.store.held_plans import HeldPlans
from portalctl.controller.store.history import HistoryRecords
from portalctl.controller.store.journal import JournalLines
from portalctl.controller.store.portals import Portals
from portalctl.controller.store.retention import Retention
from portalctl.controller.store.runs import Runs
from portalctl.controller.store.sessions import Sessions
from portalctl.controller.store.turns import TurnRecords


class Store(
    Portals,
    Runs,
    JournalLines,
    HeldPlans,
    DriftRecords,
    Coordination,
    HistoryRecords,
    CountsOverTime,
    Sessions,
    TurnRecords,
    Retention,
    Erasure,
):
    """The state and history in one database: `Store(open_database(url, state=folder))`."""
