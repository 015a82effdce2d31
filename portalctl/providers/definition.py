"""Providers as values: the source of manifest keys, help, schema, `init` and `import`.

A provider connects portalctl with one vendor's portals. Values are light: `Provider.connect` imports the API client
when a portal is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from portalctl.errors import BadUsageError
from portalctl.ids import HANDLE

if TYPE_CHECKING:
    from datetime import datetime

    from portalctl.portals.change_log import ChangeLog
    from portalctl.portals.connection import Connection
    from portalctl.portals.models import Identity
    from portalctl.portals.protocol import Portal

Ability = Literal[
    "teams",
    "roles",
    "api_names",
    "registrations",
    "accounts",
    "account_ids",
    "account_details",
    "verified_email",
    "forms",
]

# The abilities that only some providers have. `rules/unsupported.py` lists the rules of a manifest that need them.
ABILITIES: Mapping[Ability, str] = {
    "teams": "teams and their members",
    "roles": "team roles (`roles`)",
    "api_names": "APIs looked up by name",
    "registrations": "registrations revoked alone (`on_revoke: revoke_registrations`)",
    "accounts": "accounts created by address (`invite: true`)",
    "account_ids": "developers named, and accounts created, by developer_id",
    "account_details": "accounts created with a name and an e-mail (`full_name`, `send_invitation_email`)",
    "verified_email": "reports whether an address is verified (`require_verified_email`)",
    "forms": "teams by an answer to the sign-up form (`teams_by`)",
}
STATUSES = frozenset({"approved", "pending", "rejected", "revoked"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the `portal:` block, in addition to `name`, `provider`, `id` and `title`. Its value is text.

    `choices` None: any text. `description` is for the JSON Schema and the help of `--NAME`.
    """

    name: str
    description: str
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class IdForm:
    """The form of the portal's own `id`: a regular expression for all of it, and its name in messages."""

    pattern: str
    words: str

    def fits(self, text: str) -> bool:
        """Return whether text has this form, in any letter case."""
        return re.fullmatch(self.pattern, text, re.IGNORECASE | re.ASCII) is not None


UUID = IdForm(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID")


@dataclass(frozen=True, slots=True)
class Service:
    """One server of a portal, and the environment variables with its address and token.

    `server` and `token` end the names of variables for one portal (`PORTALCTL_<NAME>_SERVER`); `any_server` and
    `any_token`, where given, serve every portal. `regions` are the addresses by the manifest's `region`. `advice` is
    shown with an answer of that HTTP status. `needed_for`: the operations that need this service; a portal's first
    service is needed for all. `kind` "file": the address is the path of a file, and there is no token."""

    name: str = "portal"
    title: str = "the portal"
    server: str = "SERVER"
    token: str = "TOKEN"  # noqa: S105 (the name of a variable)
    any_server: str | None = None
    any_token: str | None = None
    auth: Literal["bearer", "api-key"] = "bearer"
    kind: Literal["http", "file"] = "http"
    regions: Mapping[str, str] = field(default_factory=dict, hash=False)
    advice: Mapping[int, str] = field(default_factory=dict, hash=False)
    needed_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The server of a portal that is a file on this machine. `url` is how plans and messages name it."""

    path: Path

    @property
    def url(self) -> str:
        return self.path.absolute().as_uri()


@dataclass(frozen=True, slots=True)
class Provider:
    """One vendor's portals. Args: name: the value of `provider:` in a manifest. title: the name in messages. connect:
    returns a portal that can be read and, if the connection allows it, written to. services: its servers; the
    first is the portal's own API. statuses: the statuses that a developer can be set to. abilities: those of
    `ABILITIES` that it has. deletion: what is deleted with an account. mails: the operations about which the
    portal sends the developer an e-mail. members_first: whether a developer is added to teams before the
    approval, so that no developer has access without their teams. keys: further keys of the `portal:` block.
    id_form: the form of the portal's `id`. vendor: equal for providers that share the ids of portals; `name`
    where it is left out. portals: returns the portals on the connection's server; None: they cannot be listed.
    change_log: returns who changed portals (ids) since a time; None: the vendor has no such log."""

    name: str
    title: str
    connect: Callable[[Connection], Portal]
    services: tuple[Service, ...] = (Service(),)
    statuses: frozenset[str] = STATUSES
    abilities: frozenset[Ability] = frozenset()
    deletion: str = "memberships, and everything else that belongs to them"
    mails: frozenset[str] = frozenset()
    members_first: bool = False
    keys: tuple[Key, ...] = ()
    id_form: IdForm | None = None
    vendor: str = ""
    portals: Callable[[Connection], tuple[Identity, ...]] | None = None
    change_log: Callable[[Connection, Collection[str], datetime], ChangeLog] | None = None

    def __post_init__(self) -> None:
        problems = [
            *(() if HANDLE.fullmatch(self.name) else (f"{self.name!r} is not a valid name, such as my-portal",)),
            *(f"{status!r} is not a status" for status in sorted(self.statuses - STATUSES)),
            *(f"{ability!r} is not an ability" for ability in sorted(self.abilities - {*get_args(Ability)})),
            *(() if self.services else ("a provider needs a service",)),
        ]
        if problems:
            raise BadUsageError(f"provider {self.name!r}: {'; '.join(problems)}")

    @property
    def family(self) -> str:
        """The key that providers share if their portals' ids are unique together."""
        return self.vendor or self.name

    @property
    def service(self) -> Service:
        """The service that is the portal's own API."""
        return self.services[0]

    @property
    def further_services(self) -> tuple[Service, ...]:
        """The services that only some operations need."""
        return self.services[1:]
