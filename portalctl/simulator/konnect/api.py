"""The two versions of the management API: what each shows and accepts. The operations are the same.

v3 and v2 ("classic") work on one set of tables. Each lists and opens its own kind of portal only, but for teams:
Terraform's tests drive the v3 paths of teams on a portal made by v2, so those are open to both kinds here. Whether
anything else is shared is not documented.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from portalctl.simulator.konnect import body, records, records_v2
from portalctl.simulator.konnect.records import TableListing


@dataclass(frozen=True, slots=True)
class Api:
    """One version. `classic` is the kind of portal it is for."""

    prefix: str
    classic: bool
    portals: TableListing
    developers: TableListing
    developer_teams: TableListing
    teams: TableListing
    applications: TableListing
    portal_registrations: TableListing
    update_portal: body.RequestBody
    create_team: body.RequestBody
    update_team: body.RequestBody

    @property
    def kind(self) -> str:
        """The SQL condition for its portals."""
        return "t.classic" if self.classic else "NOT t.classic"

    @property
    def application_registrations(self) -> TableListing:
        """Registrations of one application: fewer filters and sort fields than those of a portal."""
        every = self.portal_registrations
        sorts = {name: by for name, by in every.sorts.items() if name != "developer_id"}
        return replace(every, filters={"status": every.filters["status"]}, sorts=sorts)


_VISIBILITY = body.one_of("public", "private")
_PORTAL = {
    "name": body.text(1, 255),
    "display_name": body.text(1, 255),
    "description": body.text(0, 512, nullable=True),
    "rbac_enabled": body.flag,
    "default_application_auth_strategy_id": body.uuid_or_null,
    "auto_approve_developers": body.flag,
    "auto_approve_applications": body.flag,
    "labels": body.labels,
}
_TEAM_V3 = {"name": body.text(1, 250), "description": body.text(1, 250), "can_own_applications": body.flag}
# v2 bounds a name in its answers only.
_TEAM_V2 = {"name": body.text(1, 250), "description": body.text(0, 250)}

V3 = Api(
    prefix="/v3",
    classic=False,
    portals=records.PORTALS,
    developers=records.DEVELOPERS,
    developer_teams=records.DEVELOPER_TEAMS,
    teams=records.TEAMS,
    applications=records.APPLICATIONS,
    portal_registrations=records.PORTAL_REGISTRATIONS,
    update_portal=body.RequestBody(
        {
            **_PORTAL,
            "authentication_enabled": body.flag,
            "sipr_enabled": body.flag,
            "default_api_visibility": _VISIBILITY,
            "default_page_visibility": _VISIBILITY,
            "notifications_developer_pii_visibility_enabled": body.flag,
        }
    ),
    create_team=body.RequestBody(_TEAM_V3, required=("name",)),
    update_team=body.RequestBody(_TEAM_V3),
)
V2 = Api(
    prefix="/v2",
    classic=True,
    portals=records_v2.PORTALS,
    developers=records_v2.DEVELOPERS,
    developer_teams=records_v2.DEVELOPER_TEAMS,
    teams=records_v2.TEAMS,
    applications=records_v2.APPLICATIONS,
    portal_registrations=records_v2.PORTAL_REGISTRATIONS,
    update_portal=body.RequestBody(
        {
            **_PORTAL,
            "is_public": body.flag,
            "custom_domain": body.text(1, 1024, nullable=True),
            "custom_client_domain": body.text(1, 1024, nullable=True),
        }
    ),
    create_team=body.RequestBody(_TEAM_V2, required=("name",), extra=True),
    update_team=body.RequestBody(_TEAM_V2, extra=True),
)
