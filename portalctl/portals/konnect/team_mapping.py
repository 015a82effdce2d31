"""Preflight: reads whether an identity provider decides the team members of a Konnect portal, and which groups it
maps to which teams, by both of Konnect's APIs.

The older API is portal-wide: a switch in `authentication-settings`, and `identity-provider/team-group-mappings`. The
newer one (v3 only) has mappings for each identity provider. (Portal Management API v3 3.9.8.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, RootModel

from portalctl.errors import AnswerError, PortalError
from portalctl.http import Answer, Client
from portalctl.portals.answer_ids import check_ids
from portalctl.portals.decode import shaped
from portalctl.portals.konnect.lists import PAGE_SIZE, Query, UnsettledError, Wire, segment
from portalctl.portals.models import Settings, TeamMapping
from portalctl.words import plural

REGIONS = ".api.konghq.com"  # Konnect's own servers: `eu.api.konghq.com` and others
MOST_PROVIDERS = 100  # identity providers of one portal: so many have their mappings read
MOST_PAGES = 100  # pages of one identity provider's mappings that are followed
LONGEST_NAME = 100  # characters that are kept of a group's name


@dataclass(frozen=True, slots=True)
class _Authentication:
    """`oidc_team_mapping_enabled` is the older name of `idp_mapping_enabled`."""

    idp_mapping_enabled: bool | None = None
    oidc_team_mapping_enabled: bool | None = None
    oidc_auth_enabled: bool | None = None
    saml_auth_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    id: str
    enabled: bool | None = None
    type: str = ""


@dataclass(frozen=True, slots=True)
class _ListedProviders:
    data: list[IdentityProvider]


class _Providers(RootModel[list[IdentityProvider] | _ListedProviders]):
    """The list of identity providers, in either form."""


@dataclass(frozen=True, slots=True)
class _TeamGroups:
    """A row of the portal-wide list: one for each team, which stands for its id. `groups` may be empty."""

    id: Annotated[str, Field(validation_alias="team_id")]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class _TeamGroup:
    """A row of an identity provider's own list."""

    team_id: str
    group: str


@dataclass(frozen=True, slots=True)
class _CursorNumbers:
    """`next` is the URI of the next page."""

    next: str | None = None


@dataclass(frozen=True, slots=True)
class _CursorMeta:
    page: _CursorNumbers


@dataclass(frozen=True, slots=True)
class _CursorPage:
    data: list[_TeamGroup]
    meta: _CursorMeta


def is_konnect_region(url: str) -> bool:
    """Return whether a server is one of Konnect's own, which have every documented path."""
    host = urlsplit(url).hostname or ""
    return host.rstrip(".").endswith(REGIONS)


def is_missing_api(status: int, url: str) -> bool:
    """Return whether an answer means that a server does not have this API, instead of a failed read.

    Konnect's own regions have it: there a 404 is an error, and never "no mapping".
    """
    return status in {404, 405} and not is_konnect_region(url)


def read_authentication(wire: Wire, portal: str, *, per_provider: bool) -> Settings:
    """Return a portal's single sign-on, team mapping and mapped groups; None where the server does not have the API.

    Team mapping is on if the switch is on, or an enabled identity provider has a mapping of its own. While the switch
    is off, portal-wide mappings have no effect, and are not read.

    Args:
        portal: the path of the portal.
        per_provider: whether this version of the API has mappings for each identity provider.

    Raises:
        UnsettledError: an identity provider that was just listed is not there.
        PortalError: a failed read.
    """
    answer = _answer(wire, f"{portal}/authentication-settings")
    settings = wire.parse(answer, _Authentication) if answer is not None else _Authentication()
    switch = either(settings.idp_mapping_enabled, settings.oidc_team_mapping_enabled)
    mappings = [] if switch is False else _portal_mappings(wire, portal)
    mappings += _provider_mappings(wire, portal) if per_provider else []
    return Settings(
        single_sign_on=either(settings.oidc_auth_enabled, settings.saml_auth_enabled),
        team_mapping=True if mappings else switch,
        mappings=tuple(mappings),
    )


def either(*flags: bool | None) -> bool | None:
    """Return whether one of the flags is set; None if none of them is known."""
    known = [flag for flag in flags if flag is not None]
    return any(known) if known else None


def _answer(wire: Wire, path: str, params: dict[str, str] | None = None) -> Answer | None:
    """Return a successful answer; None where the server does not have this API. Raises AnswerError."""
    answer = wire.client.request("GET", path, params=params)
    if answer.ok:
        return answer
    if is_missing_api(answer.status, wire.client.server.url):
        return None
    raise wire.client.explain(answer)


def _portal_mappings(wire: Wire, portal: str) -> list[TeamMapping]:
    """Return the mappings of the portal-wide API. A 400 means that there is no identity provider."""
    try:
        rows = wire.read_list("mappings", Query(f"{portal}/identity-provider/team-group-mappings"), _TeamGroups)
    except AnswerError as error:
        if error.status == 400 or is_missing_api(error.status, wire.client.server.url):
            return []
        raise
    return [TeamMapping(row.id, group[:LONGEST_NAME]) for row in rows for group in row.groups]


def _provider_mappings(wire: Wire, portal: str) -> list[TeamMapping]:
    """Return the mappings of all enabled identity providers."""
    path = f"{portal}/identity-providers"
    answer = _answer(wire, path)
    if answer is None:
        return []
    providers = listed_providers(wire.client, answer)
    enabled = [provider for provider in providers if provider.enabled is not False]
    if len(enabled) > MOST_PROVIDERS:
        raise PortalError(
            f"{answer.call} returned {len(enabled):,} enabled identity providers; at most {MOST_PROVIDERS} are read",
            "check the portal's identity providers; the portal may be answering wrongly",
        )
    return [
        TeamMapping(row.team_id, row.group[:LONGEST_NAME], provider.type[:LONGEST_NAME] or provider.id)
        for provider in enabled
        for page in _cursor_pages(wire, f"{path}/{segment(provider.id)}/team-group-mappings")
        for row in page.data
    ]


def listed_providers(client: Client, answer: Answer) -> list[IdentityProvider]:
    """Return the identity providers in an answer. Raises PortalError for another shape and for invalid ids.

    Their list is documented as a bare array without pages; an object like those of the other lists is read too.
    """
    listed = shaped(client, answer, _Providers).root
    providers = listed if isinstance(listed, list) else listed.data
    check_ids(client, answer, [provider.id for provider in providers])
    return providers


def _cursor_pages(wire: Wire, path: str) -> Iterator[_CursorPage]:
    """Yield the pages of a list with cursors. Raises PortalError for a list that does not end."""
    size, after, cursors = {"page[size]": str(PAGE_SIZE)}, dict[str, str](), set[str]()
    while len(cursors) < MOST_PAGES:
        answer = wire.client.request("GET", path, params=size | after)
        if answer.status == 400 and size:
            size = {}  # the largest size is not documented; without one, the server has its own
            continue
        if is_missing_api(answer.status, wire.client.server.url):
            return
        if answer.status == 404:
            raise UnsettledError(f"an identity provider that was just listed is not there: {answer.call}")
        if not answer.ok:
            raise wire.client.explain(answer)
        page = wire.parse(answer, _CursorPage)
        check_ids(wire.client, answer, [row.team_id for row in page.data])
        yield page
        if page.meta.page.next is None:
            return
        cursor = _cursor(answer, page.meta.page.next)
        if cursor in cursors:
            break
        cursors.add(cursor)
        after = {"page[after]": cursor}
    raise PortalError(
        f"GET {path}: the list does not end: {plural(len(cursors) + 1, 'page')}",
        "the portal may be answering wrongly; run the command again",
    )


def _cursor(answer: Answer, uri: str) -> str:
    """Return the cursor of a link to the next page. Only this value is used, never the link's own address."""
    values = parse_qs(uri.partition("?")[2].partition("#")[0]).get("page[after]")
    if not values:
        raise PortalError(
            f"{answer.call} returned a link to the next page without `page[after]`",
            "the portal may be answering wrongly; run the command again",
        )
    return values[0]
