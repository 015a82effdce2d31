"""Environment and flags → the server and token of each portal. A manifest never names either."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portalctl.errors import BadUsageError
from portalctl.http import Server
from portalctl.manifest.model import PortalManifest
from portalctl.plan.model import PortalPlan

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
    region: str | None
    file: str
    remedy: str

    @classmethod
    def of_manifest(cls, portal: PortalManifest) -> Destination:
        return cls(portal.name, portal.region, portal.at.file, f"write `region:` in the manifest ({portal.at})")

    @classmethod
    def of_plan(cls, portal: PortalPlan, file: str) -> Destination:
        """A plan can't point the token anywhere: its server counts only where it is that of a region."""
        region = next((region for region in REGIONS if portal.server == _regional(region)), None)
        return cls(portal.name, region, file, "name the manifest with -f")


def _regional(region: str) -> str:
    return f"https://{region}.api.konghq.com"


def servers(portals: Iterable[Destination], env: Mapping[str, str], tls: Tls) -> dict[str, Server]:
    """By portal name. Raises BadUsageError when something is missing, naming the variables that would supply it."""
    return {portal.name: _server(portal, env, tls) for portal in portals}


def _server(portal: Destination, env: Mapping[str, str], tls: Tls) -> Server:
    prefix = f"PORTALCTL_{portal.name.upper().replace('-', '_')}"
    named_server, named_token = f"{prefix}_SERVER", f"{prefix}_TOKEN"
    url, url_source = _url(portal, env, named_server)
    # A server that was named for one portal gets that portal's token, and no other one ever.
    candidates = [named_token] if url_source == named_server else [named_token, "KONNECT_TOKEN"]
    token_source = next((name for name in candidates if env.get(name, "").strip()), None)
    if token_source is None:
        because = f"; {named_server} is set, so no other token is used" if url_source == named_server else ""
        raise BadUsageError(
            f"portal {portal.name}: no token{because}",
            f"set {' or '.join(candidates)} in the environment",
        )
    return Server(
        url=VERSION_PATH.sub("", url.rstrip("/")),
        token=env[token_source].strip(),
        url_source=url_source,
        token_source=token_source,
        ca_file=tls.ca_file,
        verify=tls.verify,
    )


def _url(portal: Destination, env: Mapping[str, str], named: str) -> tuple[str, str]:
    for source in (named, "KONNECT_SERVER_URL"):
        if env.get(source, "").strip():
            return env[source].strip(), source
    if portal.region is None:
        raise BadUsageError(
            f"portal {portal.name}: no server",
            f"{portal.remedy}, or set {named} or KONNECT_SERVER_URL",
        )
    return _regional(portal.region), f"region {portal.region} in {portal.file}"
