"""Environment and flags → the servers and tokens of each portal. A manifest never names either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portalctl.errors import BadUsageError
from portalctl.http import Auth, Server
from portalctl.manifest.model import PortalManifest
from portalctl.plan.model import Plan, PortalPlan

VERSION_PATH = re.compile(r"/v[23]/?$")
REGIONS = ("us", "eu", "au", "me", "in", "sg")


@dataclass(frozen=True, slots=True)
class Tls:
    ca_file: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """A portal to find the server of. `region` counts where the environment names none; it stands in `file`.

    `remedy` is how the files could give a region.
    """

    name: str
    provider: str
    region: str | None
    file: str
    remedy: str

    @classmethod
    def of_manifest(cls, portal: PortalManifest) -> Destination:
        remedy = f"write `region:` in the manifest ({portal.at})"
        return cls(portal.name, portal.provider, portal.region, portal.at.file, remedy)

    @classmethod
    def of_plan(cls, portal: PortalPlan, file: str) -> Destination:
        """A plan can't point the token anywhere: its server counts only where it is that of a region."""
        region = next((region for region in REGIONS if portal.server == _regional(region)), None)
        return cls(portal.name, portal.provider, region, file, "name the manifest with -f")


@dataclass(frozen=True, slots=True)
class Service:
    """Something that a portal is reached through, and the variables that tell where it is and what it takes.

    `server` and `token` end the names of variables for one portal; `any_server` and `any_token` serve every portal.
    """

    server: str
    token: str
    any_server: str
    any_token: str
    auth: Auth = "bearer"
    has_regions: bool = False


KONNECT: Final = Service("SERVER", "TOKEN", "KONNECT_SERVER_URL", "KONNECT_TOKEN", has_regions=True)
DASHBOARD: Final = Service("SERVER", "TOKEN", "API7_SERVER", "API7_TOKEN", auth="api-key")
BACKEND: Final = Service("BACKEND_SERVER", "BACKEND_TOKEN", "API7_PORTAL_SERVER", "API7_PORTAL_TOKEN")


def _regional(region: str) -> str:
    return f"https://{region}.api.konghq.com"


def servers(portals: Iterable[Destination], env: Mapping[str, str], tls: Tls) -> dict[str, Server]:
    """By portal name. Raises BadUsageError when something is missing, naming the variables that would supply it."""
    found = {}
    for portal in portals:
        service = DASHBOARD if portal.provider == "api7" else KONNECT
        found[portal.name] = _Search(portal, service, env, tls).server()
    return found


def backends(portals: Sequence[Destination], env: Mapping[str, str], tls: Tls) -> dict[str, Server]:
    """The portal backends of API7, by portal name, where the environment tells of server and token.

    Raises BadUsageError where two portals would share what is one's.
    """
    api7 = [portal for portal in portals if portal.provider == "api7"]
    shared = [name for name in (BACKEND.any_server, BACKEND.any_token) if env.get(name, "").strip()]
    if len(api7) > 1 and shared:
        raise BadUsageError(
            f"{' and '.join(shared)} can't serve {len(api7)} portals: a portal's backend and token are its own",
            *(f"for {portal.name}: {' and '.join(_named(portal.name, BACKEND))}" for portal in api7),
        )
    found = {}
    for portal in api7:
        with suppress(BadUsageError):  # it is told once something needs it
            found[portal.name] = _Search(portal, BACKEND, env, tls).server()
    return found


def check_backends(plan: Plan, known: Collection[str], env: Mapping[str, str]) -> None:
    """Raises BadUsageError where a plan makes accounts that only a portal backend can make, and none is `known`."""
    for portal in plan.portals:
        makes = any(change.op == "create_developer" for change in portal.changes)
        if makes and portal.provider == "api7" and portal.name not in known:
            names = (*_named(portal.name, BACKEND), BACKEND.any_server, BACKEND.any_token)
            told = [name for name in names if env.get(name, "").strip()]
            half = f"; {' and '.join(told)} alone {'does' if len(told) == 1 else 'do'} not tell it" if told else ""
            raise BadUsageError(
                f"portal {portal.name}: accounts are made by its portal backend, which is not known{half}",
                f"set {names[0]} and {names[1]}, or {names[2]} and {names[3]}, in the environment",
                "or leave them out: `--developer` names whom a run is about",
            )


def _named(portal: str, service: Service) -> tuple[str, str]:
    """The variables for server and token of one portal's service."""
    prefix = f"PORTALCTL_{portal.upper().replace('-', '_')}"
    return f"{prefix}_{service.server}", f"{prefix}_{service.token}"


@dataclass(frozen=True, slots=True)
class _Search:
    """Looking for one service of one portal."""

    portal: Destination
    service: Service
    env: Mapping[str, str]
    tls: Tls

    @property
    def _named(self) -> tuple[str, str]:
        return _named(self.portal.name, self.service)

    def server(self) -> Server:
        url, url_source = self._url()
        named_server, named_token = self._named
        # A server that was named for one portal gets that portal's token, and no other one ever.
        candidates = [named_token] if url_source == named_server else [named_token, self.service.any_token]
        token_source = next((name for name in candidates if self.env.get(name, "").strip()), None)
        if token_source is None:
            because = f"; {named_server} is set, so no other token is used" if url_source == named_server else ""
            raise BadUsageError(
                f"portal {self.portal.name}: no token{because}",
                f"set {' or '.join(candidates)} in the environment",
            )
        return Server(
            url=VERSION_PATH.sub("", url.rstrip("/")),
            token=self.env[token_source].strip(),
            url_source=url_source,
            token_source=token_source,
            ca_file=self.tls.ca_file,
            verify=self.tls.verify,
            auth=self.service.auth,
        )

    def _url(self) -> tuple[str, str]:
        named = self._named[0]
        for source in (named, self.service.any_server):
            if self.env.get(source, "").strip():
                return self.env[source].strip(), source
        region = self.portal.region if self.service.has_regions else None
        if region is None:
            remedy = f"{self.portal.remedy}, or " if self.service.has_regions else ""
            raise BadUsageError(
                f"portal {self.portal.name}: no server",
                f"{remedy}set {named} or {self.service.any_server}",
            )
        return _regional(region), f"region {region} in {self.portal.file}"
