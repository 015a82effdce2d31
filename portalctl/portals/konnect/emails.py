"""Reads about which decisions a Konnect portal sends e-mail.

Each kind of e-mail has a template, which can be switched off. The document of version 3.9.8 does not have this API;
Kong's Go SDK (PortalEmails) lists `email-templates` as "customized" ones, each with `enabled`. So one that is not
listed is the vendor's own, which is on. `email-config` has the sender only, and is not needed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from portalctl.errors import PortalError
from portalctl.portals.konnect.lists import Wire
from portalctl.portals.konnect.provider import TEMPLATES
from portalctl.portals.models import MAILS_UNREAD, Remark

MailOperations = frozenset[str]


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    name: str
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class _Templates:
    """Their list is documented without pages."""

    data: list[EmailTemplate]


def read_mail_operations(wire: Wire, portal: str) -> tuple[MailOperations | None, tuple[Remark, ...]]:
    """Return the operations about which a portal sends e-mail; None, with a remark, where that could not be read.

    Args:
        portal: the path of the portal.
    """
    try:
        listed = wire.parse(wire.client.get(f"{portal}/email-templates"), _Templates).data
    except PortalError as error:
        text = f"which decisions send an e-mail could not be read, so each counts as one that does: {error.message}"
        return None, (Remark(MAILS_UNREAD, text),)
    off = {template.name for template in listed if template.enabled is False}
    return frozenset(name for name, template in TEMPLATES.items() if template not in off), ()
