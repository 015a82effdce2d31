"""What people who are kept out can still use: credentials go on working until each registration ends.

`on_revoke: revoke_registrations` is a state: as long as a rule keeps someone out, live registrations of applications
that are their own are revoked. Applications of a team are the team's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from portalctl.changes.observations import Difference, KeptOut, Residual, of_developer, ordered
from portalctl.changes.operations import Change, RevokeRegistration
from portalctl.changes.plan import Notice
from portalctl.changes.states import FoundRegistration
from portalctl.portals.models import Registration


def with_registrations(found: Difference, registrations: Iterable[Registration], provider: str) -> Difference:
    """`found` with what to do about live registrations of the people in `found.out`."""
    residual = [_residual(found.out[each.developer_id], each) for each in registrations]
    revoked = [_revoke(each) for each in residual if each.ends and not each.person.deleted]
    return replace(found, changes=ordered([*found.changes, *revoked], provider), residual=residual)


def _residual(person: KeptOut, registration: Registration) -> Residual:
    own = registration.owned_by_team is None
    return Residual(person, registration, own and (person.deleted or person.on_revoke == "revoke_registrations"))


def _revoke(residual: Residual) -> Change:
    person, registration = residual.person, residual.registration
    before: FoundRegistration = {
        "registration_id": registration.id,
        "application_id": registration.application_id,
        "application": registration.application_name,
        "api": registration.api_name,
        "status": registration.status,
    }
    return RevokeRegistration(op_class=person.op_class, before=before, **of_developer(person.developer, person.why))


def residual_notices(found: Difference) -> Iterator[Notice]:
    """What stays usable, and what goes with a deleted account."""
    for each in found.residual:
        registration, who = each.registration, each.person.developer.email or each.person.developer.id
        what = f"application {registration.application_name}"
        use = f"access to {registration.api_name}" if registration.api_name else "its credentials"
        if registration.owned_by_team is not None:
            text = f"{what} of team {registration.owned_by_team} keeps {use}: it is the team's, and left alone"
            yield Notice("team_application", "warning", text, developer=who)
        elif each.person.deleted:
            yield Notice("deleted_with_account", "warning", f"{what} and {use} go too", developer=who)
        elif not each.ends:
            text = f"{what} keeps {use} (on_revoke: report)"
            yield Notice("live_registration", "warning", text, developer=who)
