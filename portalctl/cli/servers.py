"""Finds the server and token of each portal in the environment. A manifest contains no token and no server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.environment import has_secret, secret
from portalctl.errors import BadUsageError
from portalctl.http import Server
from portalctl.manifest.model import PortalManifest
from portalctl.portals.connection import AnyServer
from portalctl.providers.definition import LocalFile, Service
from portalctl.providers.registry import provider_named

VERSION_PATH = re.compile(r"/v[23]/?$")


@dataclass(frozen=True, slots=True)
class Tls:
    """How certificates of servers are verified. `ca_file` None: with the system's certificates."""

    ca_file: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """The values of a portal that determine its server.

    `region` is used if the environment has no server for the portal; `file` is the file with the region. `remedy` is
    the advice on how to set a region.
    """

    name: str
    provider: str
    region: str | None
    file: str
    remedy: str

    @property
    def service(self) -> Service:
        """The service with the portal's main API."""
        return provider_named(self.provider).service

    @property
    def further_services(self) -> tuple[Service, ...]:
        """The services that only some operations need."""
        return provider_named(self.provider).further_services

    @classmethod
    def of_manifest(cls, portal: PortalManifest) -> Destination:
        remedy = f"Set `region` in the manifest ({portal.at})"
        return cls(portal.name, portal.provider, portal.region, portal.at.file, remedy)

    @classmethod
    def of_plan(cls, portal: PortalPlan, file: str) -> Destination:
        """Return the destination of a portal in a plan file.

        Its server is used only if it is the server of a region, so that a plan cannot send the token elsewhere.
        """
        regions = provider_named(portal.provider).service.regions
        region = next((region for region, server in regions.items() if portal.server == server), None)
        return cls(portal.name, portal.provider, region, file, "Pass the manifest with -f")


def _base(url: str) -> str:
    return VERSION_PATH.sub("", url.rstrip("/"))


def servers(portals: Iterable[Destination], env: Mapping[str, str], tls: Tls) -> dict[str, AnyServer]:
    """Return the servers by portal name. Raises BadUsageError with the names of missing variables."""
    return {portal.name: _Search(portal, portal.service, env, tls).server() for portal in portals}


def services(portals: Sequence[Destination], env: Mapping[str, str], tls: Tls) -> dict[str, dict[str, AnyServer]]:
    """Return the servers of further services by portal name and service, if both server and token are set.

    Raises BadUsageError if two portals would share one, or if a variable is unusable.
    """
    found: dict[str, dict[str, AnyServer]] = {}
    for service in dict.fromkeys(service for portal in portals for service in portal.further_services):
        users = [portal for portal in portals if service in portal.further_services]
        shared = _set_variables(env, service.any_server, service.any_token)
        if len(users) > 1 and shared:
            raise BadUsageError(
                f"{' and '.join(shared)} cannot be used for {len(users)} portals: each has its own {service.name} "
                "and token",
                *(f"For {portal.name}, set {' and '.join(_named(portal.name, service))}." for portal in users),
            )
        for portal in users:
            search = _Search(portal, service, env, tls)
            if search.is_complete:
                found.setdefault(portal.name, {})[service.name] = search.server()
    return found


def addresses(portals: Iterable[Destination], env: Mapping[str, str]) -> dict[str, str]:
    """Return the server addresses by portal name, for portals with a server in the environment or a region."""
    found = {}
    for portal in portals:
        if address := _Search(portal, portal.service, env, Tls()).address():
            found[portal.name] = address
    return found


def check_services(plan: Plan, known: Mapping[str, Mapping[str, object]], env: Mapping[str, str]) -> None:
    """Check that the services for all operations of the plan are known. Raises BadUsageError."""
    for portal in plan.portals:
        operations = {change.op for change in portal.changes}
        for service in provider_named(portal.provider).further_services:
            needing = operations & service.needed_for
            if needing and service.name not in known.get(portal.name, {}):
                raise _lacks(portal.name, service, sorted(needing), env)


def _lacks(portal: str, service: Service, operations: Sequence[str], env: Mapping[str, str]) -> BadUsageError:
    """Return the error for operations that need a service without server and token."""
    server, token = _named(portal, service)
    variables = _set_variables(env, server, token, service.any_server, service.any_token)
    half = f"; {' and '.join(variables)} alone {'is' if len(variables) == 1 else 'are'} not enough"
    shared = [name for name in (service.any_server, service.any_token) if name is not None]
    return BadUsageError(
        f"portal {portal}: {', '.join(operations)} needs {service.title}{half if variables else ''}",
        f"Set {' or '.join(filter(None, (f'{server} and {token}', ' and '.join(shared))))} in the environment,",
        "or leave these developers out with --developer.",
    )


def _named(portal: str, service: Service) -> tuple[str, str]:
    """Return the names of the variables for server and token of one portal's service."""
    prefix = f"PORTALCTL_{portal.upper().replace('-', '_')}"
    return f"{prefix}_{service.server}", f"{prefix}_{service.token}"


def _set_variables(env: Mapping[str, str], *names: str | None) -> list[str]:
    """Return the names that are set, directly or by a variable with the path of a file."""
    return [name for name in names if name is not None and has_secret(env, name)]


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for one service of one portal in the environment."""

    portal: Destination
    service: Service
    env: Mapping[str, str]
    tls: Tls

    @property
    def is_complete(self) -> bool:
        """Whether both a server and its token are set."""
        url = self._url()
        if url is None or self.service.kind == "file":
            return url is not None
        return any(has_secret(self.env, name) for name in self._token_variables(url[1]))

    def server(self) -> AnyServer:
        """Return the server with its token. Raises BadUsageError if one is missing or unusable."""
        url, url_source = self._url() or self._no_url()
        if self.service.kind == "file":
            return LocalFile(Path(url))
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
        """Return the address of the server, None if there is none."""
        url = self._url()
        if url is None:
            return None
        return LocalFile(Path(url[0])).url if self.service.kind == "file" else _base(url[0])

    def _token_variables(self, url_source: str) -> list[str]:
        """Return the variables for the token. A server set for one portal gets only the token of that portal."""
        named_server, named_token = _named(self.portal.name, self.service)
        if url_source == named_server or self.service.any_token is None:
            return [named_token]
        return [named_token, self.service.any_token]

    def _url(self) -> tuple[str, str] | None:
        """Return the address of the server and its source, None if there is none."""
        for source in filter(None, (_named(self.portal.name, self.service)[0], self.service.any_server)):
            if url := self.env.get(source, "").strip():
                return url, source
        region = self.portal.region
        address = self.service.regions.get(region) if region is not None else None
        return (address, f"region {region} in {self.portal.file}") if address else None

    def _no_url(self) -> NoReturn:
        remedy = f"{self.portal.remedy}, or set" if self.service.regions else "Set"
        variables = " or ".join(filter(None, (_named(self.portal.name, self.service)[0], self.service.any_server)))
        raise BadUsageError(f"portal {self.portal.name}: no server", f"{remedy} {variables}.")
