"""The controller's state and history: `Store` has one method for each question."""

from __future__ import annotations

from portalctl.controller.store.store import Store as Store
