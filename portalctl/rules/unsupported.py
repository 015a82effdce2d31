"""Rules that the portal's provider, or this version, does not support. Offline: `validate` reports them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from portalctl.errors import Finding, InputError, Position
from portalctl.ids import is_uuid
from portalctl.manifest.invitation import Invitation
from portalctl.manifest.model import Manifest, Member, Override, PortalManifest
from portalctl.providers.definition import Ability, Provider
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.answers import every_team


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rules that need an ability, and the message for each where the provider lacks it.

    `within`: the wider ability; without it this one is not reported.
    """

    rules: Callable[[PortalManifest], Iterable[Reason]]
    message: str
    within: Ability | None = None


def check(manifest: Manifest) -> None:
    """Raise InputError with every unsupported rule, each at its place."""
    findings = [finding for portal in manifest.portals.values() for finding in _findings(portal)]
    if findings:
        raise InputError(tuple(findings))


def _findings(portal: PortalManifest) -> Iterator[Finding]:
    provider = provider_named(portal.provider)
    able = provider.abilities
    for ability, asked in _ASKED.items():
        if ability not in able and (asked.within is None or asked.within in able):
            for why in asked.rules(portal):
                yield Finding(_place(portal, why), f"{provider.title} {asked.message}")
    for override in portal.overrides:
        yield from _check_status(portal, provider, override.status, override.why)
    unmatched = {portal.policy.unmatched_pending, portal.policy.unmatched_approved} - {"keep"}
    for status in sorted(unmatched):
        yield from _check_status(portal, provider, status, portal.policy.unmatched_why)


def _check_status(portal: PortalManifest, provider: Provider, status: str | None, why: Reason) -> Iterator[Finding]:
    """`absent` is not a status of a portal:

    any portal can delete an account. `pending` is the first status of all.
    """
    if status in {None, "absent", "pending"} | provider.statuses:
        return
    remedy = "write status: absent, which deletes the account" if why.rule == "overrides" else "write keep"
    yield Finding(_place(portal, why), f"{provider.title} has no status {status}; {remedy}")


def _with_teams(portal: PortalManifest) -> Iterator[Reason]:
    yield from (team.why for team in portal.teams)
    yield from (rule.why for rule in portal.trusted_domains if every_team(rule))
    yield from (rule.why for rule in portal.trusted_groups if every_team(rule))
    yield from (rule.why for rule in portal.access_requests if rule.teams)
    yield from (override.why for override in portal.overrides if override.teams is not None)


def _revoking(portal: PortalManifest) -> Iterator[Reason]:
    if portal.policy.on_revoke == "revoke_registrations":
        yield portal.policy.on_revoke_why
    yield from (override.why for override in portal.overrides if override.on_revoke == "revoke_registrations")


def _invited(portal: PortalManifest) -> Iterator[tuple[str, Reason]]:
    rules: list[Member | Override] = [*(m for team in portal.teams for m in team.members or ()), *portal.overrides]
    yield from ((rule.developer, rule.why) for rule in rules if rule.invitation is not None)


def _with_details(portal: PortalManifest) -> Iterator[Reason]:
    """Yield the accounts by id with more than the approval: another status, a name or an e-mail."""
    invited = (rule for rule in portal.overrides if rule.invitation is not None and "@" not in rule.developer)
    yield from (rule.why for rule in invited if rule.invitation != Invitation() or rule.status != "approved")


_ASKED: Mapping[Ability, _Asked] = {
    "teams": _Asked(_with_teams, "has no teams; leave them out"),
    "roles": _Asked(
        lambda portal: (role.why for team in portal.teams for role in team.roles or ()),
        "has no team roles; leave out roles",
        within="teams",
    ),
    "api_names": _Asked(
        lambda portal: (role.why for team in portal.teams for role in team.roles or () if not is_uuid(role.api)),
        "does not report the names of APIs; write the API's id",
        within="roles",
    ),
    "registrations": _Asked(_revoking, "has no registrations to revoke; write on_revoke: report"),
    "accounts": _Asked(
        lambda portal: (why for name, why in _invited(portal) if "@" in name),
        "creates no account for an address; the developer has to sign up",
    ),
    "account_ids": _Asked(
        lambda portal: (why for name, why in _invited(portal) if "@" not in name), "creates no account by id"
    ),
    "account_details": _Asked(
        _with_details,
        "creates accounts by developer_id only, approved at once; write status: approved, without full_name and "
        "send_invitation_email",
        within="account_ids",
    ),
    "forms": _Asked(
        lambda portal: (mapping.why for mapping in portal.mappings),
        "has no sign-up forms with choices; leave out teams_by",
        within="teams",
    ),
}


def _place(portal: PortalManifest, why: Reason) -> Position:
    return why.at or portal.at
