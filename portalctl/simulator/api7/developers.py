"""What both services know about developers: finding one by the id that others use, and making one."""

from __future__ import annotations

from portalctl.simulator.api7 import lifecycle
from portalctl.simulator.api7.call import Call
from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.errors import ApiError
from portalctl.simulator.api7.records import Provider, SimulatedDeveloper, SimulatedPortal


def find(call: Call, developer_id: str, portal_id: str | None) -> SimulatedDeveloper | None:
    """By `developer_id`, in one portal or (None) in all."""
    wanted = _folded(call.db, developer_id)
    for developer in call.seen.all(SimulatedDeveloper):
        if portal_id in (None, developer.portal_id) and _folded(call.db, developer.developer_id) == wanted:
            return developer
    return None


def create(call: Call, portal: SimulatedPortal, developer_id: str) -> SimulatedDeveloper:
    """Create one through the backend. Raises ApiError 400 or 409 for a duplicate id where that is an error."""
    behaviour = call.behaviour
    duplicate = find(call, developer_id, portal.id if behaviour.developer_ids == "portal" else None)
    if duplicate is not None:
        if behaviour.duplicate_developer == "201":
            return duplicate
        raise ApiError(int(behaviour.duplicate_developer), "developer_id is reduplicate")
    provider: dict[str, Provider | None] = {"builtin": "builtin", "sso": "sso", "absent": None}
    now = call.db.now()
    developer = SimulatedDeveloper(
        id=call.db.new_id(),
        portal_id=portal.id,
        developer_id=developer_id,
        name=developer_id,
        state=behaviour.created_state,
        created_at=now,
        updated_at=now,
        username={"absent": None, "empty": "", "developer_id": developer_id}[behaviour.created_username],
        email_verified={"absent": None, "false": False, "true": True}[behaviour.created_verified],
        provider=provider[behaviour.created_provider],
    )
    return lifecycle.register(call.db, portal, developer)


def _folded(db: Database, developer_id: str) -> str:
    return developer_id.lower() if db.behaviour.id_case == "ignored" else developer_id
