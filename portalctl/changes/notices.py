"""The notices of a plan: information in addition to the changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

from portalctl.changes.blocked_accounts import Accounts
from portalctl.changes.difference import Difference
from portalctl.changes.observations import MissingIdpTeam, Unmatched
from portalctl.changes.operations import Change, CreateTeam, DeleteDeveloper
from portalctl.changes.plan import Notice
from portalctl.identity import domain_of
from portalctl.lookalike import Lookalikes, TeamNames, difference
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Settings, Snapshot
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.dates import SOON, ending, owned, review_due
from portalctl.words import plural


def notices(portal: PortalManifest, snapshot: Snapshot, found: Difference, today: date) -> tuple[Notice, ...]:
    """Return the notices, warnings first, then by code, developer, text and place."""
    accounts = Accounts(snapshot.developers)
    every = [
        *settings_notices(portal, snapshot.settings),
        *(_warn(remark.code, remark.message, remark.developer) for remark in snapshot.remarks),
        *found.observations.notices(accounts),
        *_deletions(portal.provider, found.changes),
        *_lookalikes(portal, found),
        *_similar_teams(snapshot, found),
        *_dates(portal, today),
    ]
    return tuple(sorted(every, key=_weight))


def _weight(notice: Notice) -> tuple[bool, str, str, str, str, int]:
    return (
        notice.severity != "warning",
        notice.code,
        notice.developer or "",
        notice.message,
        notice.file or "",
        notice.line or 0,
    )


def settings_notices(portal: PortalManifest, settings: Settings) -> Iterator[Notice]:
    """Warn of portal settings that bypass the rules, or make them pointless."""
    if settings.auto_approve_developers:
        yield _warn("auto_approve_developers", "the portal approves every sign-up by itself, regardless of the rules")
    if settings.single_sign_on:
        yield _warn(
            "single_sign_on", "single sign-on is on: the portal approves every developer who logs in through it"
        )
    if settings.rbac_enabled is False and portal.teams:
        yield _warn("rbac_off", "role-based access is off on the portal: teams grant nothing there")
    if settings.team_mapping is None and portal.teams:
        yield _warn("team_mapping_unknown", "the portal does not report whether its identity provider owns the teams")


def _lookalikes(portal: PortalManifest, found: Difference) -> Iterator[Notice]:
    """Warn, once for each domain, of unmatched pending sign-ups from a domain that looks like a trusted one."""
    unmatched = (item.developer for item in found.observations.of(Unmatched))
    addresses = (developer.address for developer in unmatched if developer.status == "pending")
    domains = Counter(domain_of(address) for address in addresses if address is not None)
    rules = {rule.domain: rule for rule in portal.trusted_domains}
    likeness = Lookalikes(rules) if domains and rules else None
    for domain, count in sorted(domains.items()):
        trusted = likeness.of(domain) if likeness is not None else None
        if trusted is not None:
            text = f"{domain} ({plural(count, 'sign-up')}) looks like trusted {trusted}"
            yield _dated("look_alike", text, rules[trusted].why)


def _deletions(provider: str, changes: Iterable[Change]) -> Iterator[Notice]:
    count = sum(isinstance(change, DeleteDeveloper) for change in changes)
    if count:
        what, it = ("an account", "it") if count == 1 else (f"{count} accounts", "them")
        text = f"deleting {what} can't be undone; with {it} go {provider_named(provider).deletion}"
        yield _warn("deletion", text)


def _similar_teams(snapshot: Snapshot, found: Difference) -> Iterator[Notice]:
    """Warn of teams that would be created beside one that looks alike: portals accept both names."""
    missing = [change.team for change in found.changes if isinstance(change, CreateTeam)]
    missing += [item.team.name for item in found.observations.of(MissingIdpTeam)]
    live = TeamNames(team.name for team in snapshot.teams) if missing else TeamNames()
    for name in missing:
        other = live.like(name)
        if other is not None:
            text = f"team {name} is not on the portal and looks like {other}, which is: {difference(name, other)}"
            yield _warn("similar_team", text)


def _dates(portal: PortalManifest, today: date) -> Iterator[Notice]:
    for expires, why, owner in ending(portal):
        if today <= expires <= today + SOON:
            yield _dated("expires_soon", f"{why.value} ends after {expires}{owned(owner)}", why)
    for review_by, rule in review_due(portal, today):
        text = f"trust in {rule.domain} was to be reviewed by {review_by}{owned(rule.owner)}"
        yield _dated("review_due", text, rule.why)


def _warn(code: str, message: str, developer: str | None = None) -> Notice:
    return Notice(code, "warning", message, developer)


def _dated(code: str, message: str, why: Reason) -> Notice:
    return Notice(code, "warning", message, file=why.file, line=why.line)
