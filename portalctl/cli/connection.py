"""Environment and flags → the servers and tokens of each portal. A manifest never names either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from portalctl.changes.operations import CreateDeveloper
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.environment import has_secret, secret
from portalctl.errors import BadUsageError
from portalctl.http import Auth, Server
from portalctl.manifest.model import PortalManifest

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
        remedy = f"Write `region:` in the manifest ({portal.at})"
        return cls(portal.name, portal.provider, portal.region, portal.at.file, remedy)

    @classmethod
    def of_plan(cls, portal: PortalPlan, file: str) -> Destination:
        """A plan can't point the token anywhere: its server counts only where it is that of a region."""
        region = next((region for region in REGIONS if portal.server == _regional(region)), None)
        return cls(portal.name, portal.provider, region, file, "Name the manifest with -f")


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


def _base(url: str) -> str:
    return VERSION_PATH.sub("", url.rstrip("/"))


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
    """Return the portal backends of API7 by portal name, where both server and token are set.

    Raises BadUsageError where two portals would share one backend, or a variable is unusable.
    """
    api7 = [portal for portal in portals if portal.provider == "api7"]
    shared = _set_variables(env, BACKEND.any_server, BACKEND.any_token)
    if len(api7) > 1 and shared:
        raise BadUsageError(
            f"{' and '.join(shared)} can't serve {len(api7)} portals: each portal has its own backend and token",
            *(f"For {portal.name}, set {' and '.join(_named(portal.name, BACKEND))}." for portal in api7),
        )
    searches = {portal.name: _Search(portal, BACKEND, env, tls) for portal in api7}
    return {name: search.server() for name, search in searches.items() if search.is_complete}


def addresses(portals: Iterable[Destination], env: Mapping[str, str]) -> dict[str, str]:
    """Return the server addresses by portal name, for the portals that the environment or a region gives one."""
    found = {}
    for portal in portals:
        service = DASHBOARD if portal.provider == "api7" else KONNECT
        if address := _Search(portal, service, env, Tls()).address():
            found[portal.name] = address
    return found


def check_backends(plan: Plan, known: Collection[str], env: Mapping[str, str]) -> None:
    """Check that each portal backend which the plan needs to create accounts is known. Raises BadUsageError."""
    for portal in plan.portals:
        creates = any(isinstance(change, CreateDeveloper) for change in portal.changes)
        if creates and portal.provider == "api7" and portal.name not in known:
            server, token = _named(portal.name, BACKEND)
            variables = _set_variables(env, server, token, BACKEND.any_server, BACKEND.any_token)
            half = f"; {' and '.join(variables)} alone {'is' if len(variables) == 1 else 'are'} not enough"
            raise BadUsageError(
                f"portal {portal.name}: creating accounts needs its portal backend{half if variables else ''}",
                f"Set {server} and {token}, or {BACKEND.any_server} and {BACKEND.any_token}, in the environment,",
                "or leave these developers out with --developer.",
            )


def _named(portal: str, service: Service) -> tuple[str, str]:
    """Return the names of the variables for server and token of one portal's service."""
    prefix = f"PORTALCTL_{portal.upper().replace('-', '_')}"
    return f"{prefix}_{service.server}", f"{prefix}_{service.token}"


def _set_variables(env: Mapping[str, str], *names: str) -> list[str]:
    """Return those names that are set; a secret also counts when its file is named."""
    return [name for name in names if has_secret(env, name)]


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for one service of one portal in the environment."""

    portal: Destination
    service: Service
    env: Mapping[str, str]
    tls: Tls

    @property
    def is_complete(self) -> bool:
        """Whether both a server and a token for it are set."""
        url = self._url()
        return url is not None and any(has_secret(self.env, name) for name in self._token_variables(url[1]))

    def server(self) -> Server:
        """Return the server with its token. Raises BadUsageError where one is missing or unusable."""
        url, url_source = self._url() or self._no_url()
        candidates = self._token_variables(url_source)
        token = next(filter(None, (secret(self.env, name) for name in candidates)), None)
        if token is None:
            named_server = _named(self.portal.name, self.service)[0]
            because = f"; {named_server} is set, so no other token is used" if url_source == named_server else ""
            raise BadUsageError(
                f"portal {self.portal.name}: no token{because}",
                f"Set {' or '.join(candidates)} in the environment, or {candidates[0]}_FILE to the path of a file.",
            )
        return Server(
            url=_base(url),
            token=token.value.strip(),
            url_source=url_source,
            token_source=token.source,
            ca_file=self.tls.ca_file,
            verify=self.tls.verify,
            auth=self.service.auth,
        )

    def address(self) -> str | None:
        """Return the server's address alone, if there is one."""
        url = self._url()
        return _base(url[0]) if url is not None else None

    def _token_variables(self, url_source: str) -> list[str]:
        """Return the variables to look at. A server named for one portal only ever gets that portal's token."""
        named_server, named_token = _named(self.portal.name, self.service)
        return [named_token] if url_source == named_server else [named_token, self.service.any_token]

    def _url(self) -> tuple[str, str] | None:
        """Return the server's address and its source, if there is one."""
        for source in (_named(self.portal.name, self.service)[0], self.service.any_server):
            if url := self.env.get(source, "").strip():
                return url, source
        region = self.portal.region if self.service.has_regions else None
        return (_regional(region), f"region {region} in {self.portal.file}") if region else None

    def _no_url(self) -> NoReturn:
        remedy = f"{self.portal.remedy}, or set" if self.service.has_regions else "Set"
        variables = f"{_named(self.portal.name, self.service)[0]} or {self.service.any_server}"
        raise BadUsageError(f"portal {self.portal.name}: no server", f"{remedy} {variables}.")
