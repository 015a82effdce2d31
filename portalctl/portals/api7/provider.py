"""API7 Enterprise as a provider: the Dashboard, and the portal backend that creates accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portalctl.providers.definition import Provider, Service

if TYPE_CHECKING:
    from portalctl.portals.api7.portal import Api7Portal
    from portalctl.portals.connection import Connection
    from portalctl.portals.models import Identity

DASHBOARD = Service(
    title="the Dashboard",
    any_server="API7_SERVER",
    any_token="API7_TOKEN",  # noqa: S106 (the name of a variable)
    auth="api-key",
    # The names of single permissions are not documented for portals beyond their common prefix.
    advice={
        401: "a Dashboard token (a7ee-…) ends when it expires, and with the user it belongs to "
        "(Organization > Tokens)",
        403: "the token's user needs the `portal:` permissions for portals, developers and approvals; the Dashboard "
        "may also restrict who may call it by IP address",
    },
)
BACKEND = Service(
    name="backend",
    title="the portal backend",
    server="BACKEND_SERVER",
    token="BACKEND_TOKEN",  # noqa: S106 (the name of a variable)
    any_server="API7_PORTAL_SERVER",
    any_token="API7_PORTAL_TOKEN",  # noqa: S106 (the name of a variable)
    advice=dict.fromkeys(
        (401, 403), "the portal backend needs a token of the portal itself (a7prt-…, Portal Settings > Tokens)"
    ),
    needed_for=frozenset({"create_developer"}),
)


def connect(connection: Connection) -> Api7Portal:
    """Return the portal. See `Provider.connect`."""
    from portalctl.portals.api7.portal import Api7Portal  # noqa: PLC0415 (loaded for its own portals only)

    return Api7Portal(
        connection.required_client(),
        connection.client(BACKEND.name),
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


API7 = Provider(
    name="api7",
    title="API7 Enterprise",
    connect=connect,
    portals=portals,
    services=(DASHBOARD, BACKEND),
    statuses=frozenset({"approved"}),
    abilities=frozenset({"account_ids", "verified_email"}),
    deletion="applications, credentials, subscriptions and requests for approval",
)
