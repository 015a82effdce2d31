"""The credential of a signed request: its id, or None for any fault."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from portalctl.controller import webhooks
from portalctl.controller.api.endpoint import Endpoint, RequestError, Services


def message_id(
    services: Services, endpoint: Endpoint, name: str, headers: Mapping[str, Sequence[str]], body: bytes
) -> str | None:
    """Return the id of a request with a valid signature; None for any other, also for an unknown portal without one.

    Args:
        name: the portal in the path; empty for push hooks.

    Raises RequestError where a portal takes no registrations.
    """
    env = services.env
    match endpoint.credential:
        case "github":
            return _digest(body) if webhooks.is_from_github(env, headers, body) else None
        case "gitlab":
            return _digest(body) if webhooks.is_from_gitlab(env, headers) else None
        case "event":
            # Variables are looked up for portals of the manifest only: the sender chooses the name.
            is_known = services.hub.portal(name) is not None
            variable = webhooks.event_variable(name, env) if is_known else webhooks.SHARED
            return webhooks.signed_id(env, variable, headers, body)
        case _:
            if services.hub.portal(name) is None:
                return None
            if not webhooks.takes_registrations(name, env):
                raise RequestError(501, "this portal takes no registrations: it has no secret for them")
            return webhooks.registration_id(env, name, headers, body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
