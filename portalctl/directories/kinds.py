"""The table of all kinds of directories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from portalctl.directories.definition import Key, Kind

BY_ID: Final = "id:"  # the prefix of a `group` that is an id
_PATH: Final = re.compile(r"[A-Za-z0-9._~%@+-]+(/[A-Za-z0-9._~%@+-]+)*", re.ASCII)

_NESTED: Final = Key(
    "nested", "Whether members of nested groups also belong to the group. `true` unless written.", "flag"
)


def _address_fault(group: str) -> str | None:
    from portalctl.identity import normal_address  # noqa: PLC0415 (imports idna; only such groups need it)

    if group.startswith(BY_ID) or normal_address(group) is not None:
        return None
    return "expected the group's e-mail address, as in api-partners@example.com"


def _path_fault(group: str) -> str | None:
    climbs = any(part.replace("%2e", ".").replace("%2E", ".") in {".", ".."} for part in group.split("/"))
    encoded = re.search(r"%(2f|5c|00|3f|23)", group, re.IGNORECASE)
    if _PATH.fullmatch(group) and not climbs and not encoded:
        return None
    return "expected a path below the directory's URL, without `..`, `//`, `?` and `#`, as in groups/partners.json"


_KINDS: Final = (
    Kind(
        "ldap",
        "LDAP",
        "ldap",
        "a DN, or a cn that is unique below `base`",
        ("mail",),
        keys=(
            Key(
                "base", "The DN below which groups and users are searched, such as dc=example,dc=com.", required=True
            ),
            _NESTED,
        ),
        user=True,
    ),
    Kind("scim", "SCIM 2.0", "scim", "a unique display name, or an id", ("emails",), keys=(_NESTED,)),
    Kind(
        "keycloak",
        "Keycloak",
        "keycloak",
        "a unique group name, or an id",
        ("email",),
        keys=(
            _NESTED,
            Key(
                "unverified_email",
                "What to do with addresses that Keycloak has not verified: `ignore` (the default) or `accept`.",
                "choice",
                ("ignore", "accept"),
            ),
        ),
        user=True,
        preview=True,
    ),
    Kind(
        "entra",
        "Microsoft Entra ID",
        "entra",
        "an object id, or a unique display name",
        ("mail",),
        keys=(_NESTED,),
        url="https://graph.microsoft.com",
        user=True,
        tenant=True,
        claimable_names=True,
        preview=True,
    ),
    Kind(
        "okta",
        "Okta",
        "okta",
        "an id, or a unique name",
        ("profile.email",),
        claimable_names=True,
        preview=True,
    ),
    Kind(
        "google",
        "Google Workspace",
        "google",
        "the group's e-mail address",
        ("primaryEmail",),
        group_fault=_address_fault,
        keys=(_NESTED,),
        url="https://admin.googleapis.com",
        user=True,
        preview=True,
    ),
    Kind(
        "http",
        "JSON or CSV over HTTPS",
        "http",
        "a path below the URL",
        ("email",),
        group_fault=_path_fault,
        keys=(
            Key("format", "What the server returns: `json` (the default) or `csv`.", "choice", ("json", "csv")),
            Key("list", "JSON: where the identities are in the answer (JMESPath). `@` unless written."),
            Key("id", "The attribute (CSV: column) with an identity's own id. The first address unless written."),
            Key("active", "The attribute (CSV: column) that is true for identities that are not disabled."),
            Key("next", "JSON: where the address of the next page is (JMESPath), in addition to `Link` headers."),
            Key(
                "total", "JSON: where the number of all identities is (JMESPath), to check that the list is complete."
            ),
        ),
    ),
)

#: By name.
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _KINDS}
