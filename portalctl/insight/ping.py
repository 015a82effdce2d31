"""What a portal's own settings mean for the rules of a manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from portalctl.changes.notices import settings_notices
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Settings
from portalctl.portals.ping_result import Check, Checkup

REMEDIES: Mapping[str, str] = {
    "auto_approve_developers": "turn the approval of sign-ups by the portal off in its settings",
    "single_sign_on": "let in through single sign-on only whom the rules would let in, or turn it off",
    "rbac_off": "turn role-based access on in the portal's settings, or take `teams` out of the manifest",
    "team_mapping_unknown": "write `synced: false`, or `membership: idp`, for each team",
}


@dataclass(frozen=True, slots=True)
class PortalPing:
    name: str
    provider: str
    server: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(check.result == "failed" for check in self.checks)


def portal_ping(portal: PortalManifest, server: str, checkup: Checkup) -> PortalPing:
    """`server` is the address that was asked."""
    told = tuple(_settings(portal, checkup.settings)) if checkup.settings is not None else ()
    return PortalPing(portal.name, portal.provider, server, (*checkup.checks, *told))


def _settings(portal: PortalManifest, settings: Settings) -> Iterator[Check]:
    found = [
        Check(each.code, "warning", each.message, REMEDIES[each.code]) for each in settings_notices(portal, settings)
    ]
    ours = [team.name for team in portal.teams if team.membership != "idp" and team.synced is not False]
    if settings.team_mapping and ours:
        found.append(
            Check(
                "team_mapping",
                "warning",
                f"the identity provider decides who is in teams; changes to {', '.join(ours)} are refused",
                "write `membership: idp` for teams that are its, and `synced: false` for those that are not",
            )
        )
    yield from found or [Check("settings", "ok", "no setting of the portal goes against the rules")]
