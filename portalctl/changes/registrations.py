"""Registrations of denied developers:

credentials work until each registration ends. `on_revoke: revoke_registrations` is a state: while a rule denies a
developer, live registrations of the developer's own applications are revoked. Applications of a team belong to the
team."""

from __future__ import annotations

from collections.abc import Iterable

from portalctl.changes.difference import Difference, of_developer, ordered
from portalctl.changes.observations import KeptOut, Residual
from portalctl.changes.operations import Change, RevokeRegistration
from portalctl.changes.states import FoundRegistration
from portalctl.portals.models import Registration


def with_registrations(found: Difference, registrations: Iterable[Registration], provider: str) -> Difference:
    """Return `found` with the changes and notices for live registrations of developers in `found.kept_out`."""
    kept_out = found.kept_out
    mine = (item for item in registrations if item.developer_id in kept_out)
    residual = [_residual(kept_out[item.developer_id], item) for item in mine]
    revoked = [_revoke(item) for item in residual if item.ends and not item.kept_out.deleted]
    return Difference(ordered([*found.changes, *revoked], provider), found.observations.with_more(residual))


def _residual(kept_out: KeptOut, registration: Registration) -> Residual:
    ends = kept_out.deleted or kept_out.on_revoke == "revoke_registrations"
    return Residual(kept_out, registration, ends and registration.owned_by_team is None)


def _revoke(residual: Residual) -> Change:
    kept_out, registration = residual.kept_out, residual.registration
    before: FoundRegistration = {
        "registration_id": registration.id,
        "application_id": registration.application_id,
        "application": registration.application_name,
        "api": registration.api_name,
        "status": registration.status,
    }
    facts = of_developer(kept_out.developer, kept_out.why)
    return RevokeRegistration(op_class=kept_out.op_class, before=before, **facts)
