"""How many e-mails the portals would send about changes, and the limit of a run (`--no-mail-above`). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from portalctl.changes.operations import Change, CreateDeveloper
from portalctl.changes.plan import PortalPlan, Refusal
from portalctl.portals.models import Settings
from portalctl.providers.registry import provider_named
from portalctl.words import plural

MAILS = "mails"  # the code of the refusal, and the key of the figure in a summary


def mail_count(provider: str, changes: Iterable[Change], mail_operations: Iterable[str] | None) -> int:
    """Return the number of e-mails that a portal sends developers about changes.

    Args:
        mail_operations: the operations about which it does, as it reported them; None: those of the provider.
    """
    if mail_operations is None:
        mail_operations = provider_named(provider).mails | {"create_developer"}
    operations = frozenset(mail_operations)
    return sum(_sends(change, operations) for change in changes)


def _sends(change: Change, operations: frozenset[str]) -> bool:
    """Return whether a change sends an e-mail. An invitation is sent only where the change asks for it."""
    if isinstance(change, CreateDeveloper):
        return change.after["send_invitation_email"] and change.op in operations
    return change.op in operations


def reported(settings: Settings) -> tuple[str, ...] | None:
    """Return the operations about which a portal reports that it sends e-mail, sorted; None: it reports nothing."""
    return tuple(sorted(settings.mail_operations)) if settings.mail_operations is not None else None


def limited(portals: Iterable[PortalPlan], limit: int | None = None) -> tuple[PortalPlan, ...]:
    """Return the portals of a plan, refused where all of them together send more e-mails than the run allows.

    The limit is the lowest of `limit` and those in the guards.
    """
    portals = tuple(portals)
    limits = [most for most in (limit, *(portal.guard.no_mail_above for portal in portals)) if most is not None]
    if not limits:
        return portals
    lowest = min(limits)
    count = sum(portal.summary[MAILS] for portal in portals)
    return tuple(_limited(portal, count, lowest) for portal in portals)


def _limited(portal: PortalPlan, count: int, limit: int) -> PortalPlan:
    others = tuple(refusal for refusal in portal.refusals if refusal.code != MAILS)
    guard = replace(portal.guard, no_mail_above=limit)
    if count <= limit or not portal.summary[MAILS]:
        return replace(portal, guard=guard, refusals=others)
    refusal = Refusal(MAILS, too_many(count, limit), origin="change" if portal.base is not None else None)
    return replace(portal, guard=guard, refusals=(*others, refusal))


def too_many(count: int, limit: int) -> str:
    """Return the message for more e-mails than a run allows."""
    return f"{plural(count, 'e-mail')} would be sent; this run allows {limit:,} (--no-mail-above)"
