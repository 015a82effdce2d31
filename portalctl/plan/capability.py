"""What a manifest asks for and its portal, or this version, cannot do. Offline: `validate` finds it too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from portalctl.errors import Finding, InputError, Position
from portalctl.manifest.model import Manifest, PortalManifest, Reason
from portalctl.portal.capabilities import CAPABILITIES, Ability

# The rules that ask for an ability, by its name in the table of capabilities and in messages.
_ASKED: Mapping[Ability, Callable[[PortalManifest], Iterable[Reason]]] = {
    "teams": lambda portal: (team.why for team in portal.teams),
}


def check(manifest: Manifest) -> None:
    """Raises InputError with everything that cannot be done, each at its place."""
    findings = [finding for portal in manifest.portals.values() for finding in _findings(portal)]
    if findings:
        raise InputError(tuple(findings))


def _findings(portal: PortalManifest) -> Iterator[Finding]:
    capabilities = CAPABILITIES[portal.provider]
    if not capabilities.available:
        usable = ", ".join(name for name, known in CAPABILITIES.items() if known.available)
        yield Finding(portal.at, f"this version cannot work with {capabilities.title} yet; it can with: {usable}")
    for ability, rules in _ASKED.items():
        if ability not in capabilities.abilities:
            for why in rules(portal):
                yield Finding(_place(portal, why), f"{capabilities.title} has no {ability}")
    if portal.policy.on_revoke == "revoke_registrations":
        yield Finding(_place(portal, portal.policy.on_revoke_why), _NO_REGISTRATIONS)
    for override in portal.overrides:
        at = _place(portal, override.why)
        if override.status == "absent":
            yield Finding(at, "this version cannot delete accounts yet (status: absent); write status: revoked")
        elif override.status is not None and override.status not in capabilities.statuses:
            usable = ", ".join(sorted(capabilities.statuses))
            yield Finding(at, f"{capabilities.title} has no status {override.status}; it has {usable}")
        if override.on_revoke == "revoke_registrations":
            yield Finding(at, _NO_REGISTRATIONS)


_NO_REGISTRATIONS = "this version cannot revoke registrations yet; write on_revoke: report"


def _place(portal: PortalManifest, why: Reason) -> Position:
    return why.at or portal.at
