"""The checks of `ping` for a portal, with those of its settings against the rules of a manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from portalctl.changes.notices import settings_notices
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Settings
from portalctl.portals.ping_result import Check, Checkup

REMEDIES: Mapping[str, str] = {
    "auto_approve_developers": "turn off the automatic approval of developers in the portal settings",
    "single_sign_on": "restrict single sign-on to developers that the rules approve, or turn it off",
    "rbac_off": "turn on role-based access in the portal settings, or remove `teams` from the manifest",
    "team_mapping_unknown": "add `synced: false` or `membership: idp` to each team of the manifest",
}


@dataclass(frozen=True, slots=True)
class PortalPing:
    """The checks of one portal. `server` is the address that was asked."""

    name: str
    provider: str
    server: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(check.result == "failed" for check in self.checks)


def portal_ping(portal: PortalManifest, server: str, checkup: Checkup) -> PortalPing:
    """Return the checks of a portal: those already made, and those of its settings."""
    settings = tuple(_settings(portal, checkup.settings)) if checkup.settings is not None else ()
    return PortalPing(portal.name, portal.provider, server, (*checkup.checks, *settings))


def _settings(portal: PortalManifest, settings: Settings) -> Iterator[Check]:
    """Yield a warning for each setting that conflicts with the rules; one positive check if none does."""
    found = [
        Check(notice.code, "warning", notice.message, REMEDIES[notice.code])
        for notice in settings_notices(portal, settings)
    ]
    managed = [team.name for team in portal.teams if team.membership != "idp" and team.synced is not False]
    if settings.team_mapping and managed:
        found.append(
            Check(
                "team_mapping",
                "warning",
                f"the identity provider manages team members; changes to {', '.join(managed)} are refused",
                "add `membership: idp` to teams of the identity provider, and `synced: false` to the others",
            )
        )
    yield from found or [Check("settings", "ok", "no portal setting conflicts with the rules")]
