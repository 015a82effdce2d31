"""Kong Konnect as a provider: portals of the API's version 3, and classic ones of version 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portalctl.portals.konnect.api_versions import DIALECTS
from portalctl.providers.definition import UUID, Key, Provider, Service

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from portalctl.portals.change_log import ChangeLog
    from portalctl.portals.connection import Connection
    from portalctl.portals.konnect.portal import KonnectPortal
    from portalctl.portals.models import Identity

REGIONS = ("us", "eu", "au", "me", "in", "sg")
DELETION = "memberships, applications of their own and all their credentials"
# The e-mails by operation (Portal Management API v3, template names). `create_developer` sends one if it is asked to.
TEMPLATES = {
    "approve": "account-access-approved",
    "reject": "account-access-rejected",
    "revoke": "account-access-revoked",
    "approve_request": "app-registration-approved",
    "revoke_registration": "app-registration-revoked",
    "create_developer": "developer-invitation",
}
MAILS = frozenset(TEMPLATES) - {"create_developer"}
SERVICE = Service(
    any_server="KONNECT_SERVER_URL",
    any_token="KONNECT_TOKEN",  # noqa: S106 (the name of a variable)
    regions={region: f"https://{region}.api.konghq.com" for region in REGIONS},
    advice={
        401: "kpat_ tokens expire after at most 12 months and when their owner leaves. Create a new token with the "
        "role Admin on the portal, then check it with: portalctl ping",
        403: "reading teams and writing need the role Admin on the portal (Organization > Teams or System Accounts)",
    },
)
KEYS = (Key("region", "Konnect's region.", REGIONS),)


def connect(connection: Connection) -> KonnectPortal:
    """Return the portal. See `Provider.connect`."""
    from portalctl.portals.konnect.portal import KonnectPortal  # noqa: PLC0415 (loaded for its own portals only)

    return KonnectPortal(
        connection.required_client(),
        DIALECTS[connection.provider.name],
        name=connection.name,
        portal_id=connection.portal_id,
        title=connection.title,
        now=connection.now,
        observer=connection.observer,
    )


def portals(connection: Connection) -> tuple[Identity, ...]:
    """Return the portals on the server. See `Provider.portals`."""
    with connect(connection) as portal:
        return portal.portals()


def change_log(connection: Connection, portals: Collection[str], since: datetime) -> ChangeLog:
    """Return who changed portals. See `Provider.change_log`."""
    from portalctl.portals.konnect.audit_log import read_change_log  # noqa: PLC0415 (loaded where it is asked for)

    return read_change_log(connection, portals, since)


KONNECT = Provider(
    name="konnect",
    title="Kong Konnect (v3)",
    connect=connect,
    portals=portals,
    services=(SERVICE,),
    abilities=frozenset({"teams", "roles", "api_names", "registrations", "accounts", "account_details", "forms"}),
    deletion=DELETION,
    mails=MAILS,
    members_first=True,  # membership does not depend on status: Terraform's tests add a pending developer
    keys=KEYS,
    id_form=UUID,
    vendor="konnect",
    change_log=change_log,
)
KONNECT_V2 = Provider(
    name="konnect-v2",
    title="Kong Konnect (v2, classic)",
    connect=connect,
    portals=portals,
    services=(SERVICE,),
    abilities=frozenset({"teams", "roles", "registrations"}),
    deletion=DELETION,
    mails=MAILS,
    members_first=True,  # membership does not depend on status: Terraform's tests add a pending developer
    keys=KEYS,
    id_form=UUID,
    vendor="konnect",
)
