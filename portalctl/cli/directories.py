"""Finds the addresses and credentials of directories in the environment. A manifest contains neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from portalctl.directories.access import Access
from portalctl.directories.definition import Kind
from portalctl.directories.kinds import KINDS
from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.group_reading import Directories, definitions, wanted_groups
from portalctl.http.server import is_loopback
from portalctl.manifest.model import Directory, PortalManifest
from portalctl.output.documents import ListedDirectories, ListedDirectory
from portalctl.words import did_you_mean, quoted


def prefix_of(name: str) -> str:
    """Return the prefix of a directory's environment variables."""
    return f"PORTALCTL_DIRECTORY_{name.upper().replace('-', '_')}"


def directories_of(
    portals: Collection[PortalManifest], without: Iterable[str], env: Mapping[str, str], more: Iterable[str] = ()
) -> Directories:
    """Return the access to the directories that the rules of portals use, and to those named in `more`.

    Raises BadUsageError if a variable is missing or unusable, or if `without` names an undeclared directory.
    """
    known = definitions(portals)
    left_out = check_names(without, known)
    needed = {*wanted_groups(portals), *(name for name in more if name in known)} - left_out
    return Directories({name: access_to(known[name], env) for name in sorted(needed)}, left_out)


def check_names(without: Iterable[str], known: Collection[str]) -> frozenset[str]:
    """Return the names of `--without-directory`. Raises BadUsageError for a directory that no portal declares."""
    names = frozenset(without)
    for name in sorted(names - set(known)):
        raise undeclared(name, known, "--without-directory ")
    return names


def undeclared(name: str, known: Collection[str], option: str = "") -> BadUsageError:
    """Return the error for a directory that no portal declares."""
    listed = f"Directories: {', '.join(sorted(known))}." if known else "The manifest declares no directories."
    return BadUsageError(f"{option}{quoted(name)}: directory not declared{did_you_mean(name, known)}", listed)


def access_to(directory: Directory, env: Mapping[str, str]) -> Access:
    """Return the address and credential of a directory. Raises BadUsageError with the names of the variables."""
    kind, prefix = KINDS[directory.kind], prefix_of(directory.name)

    def value(key: str) -> str | None:
        return env.get(f"{prefix}_{key}", "").strip() or None

    url = value("URL") or kind.url
    password = secret(env, f"{prefix}_SECRET")
    missing = [
        *([f"{prefix}_URL"] if url is None else []),
        *([f"{prefix}_USER"] if kind.user and value("USER") is None else []),
        *([f"{prefix}_TENANT"] if kind.tenant and value("TENANT") is None else []),
        *([f"{prefix}_SECRET (or {prefix}_SECRET_FILE)"] if password is None else []),
    ]
    if missing or url is None or password is None:
        raise BadUsageError(
            f"directory {directory.name}: {', '.join(missing)} not set",
            f"Set {'it' if len(missing) == 1 else 'them'}, or leave this directory out with "
            f"--without-directory {directory.name}.",
        )
    if not password.value.strip():
        raise BadUsageError(f"directory {directory.name}: {password.source} is empty", "Set it to the secret.")
    ca_file = value("CA_FILE")
    return Access(
        url.rstrip("/"),
        password.value.strip("\r\n"),
        prefix,
        user=value("USER"),
        tenant=value("TENANT"),
        token_url=_checked_token_url(directory.name, value("TOKEN_URL"), prefix),
        ca_file=Path(ca_file) if ca_file is not None else None,
        url_source=f"{prefix}_URL" if value("URL") else f"the default of {kind.title}",
        secret_source=password.source,
    )


def listed_directories(portals: Collection[PortalManifest]) -> ListedDirectories:
    """Return the document of a manifest's directories."""
    wanted = wanted_groups(portals)
    return ListedDirectories(
        directories=tuple(
            ListedDirectory(
                name=name,
                kind=KINDS[directory.kind].name,
                preview=KINDS[directory.kind].preview,
                groups=tuple(wanted.get(name, ())),
                portals=tuple(sorted(portal.name for portal in portals if name in portal.directories)),
                variables=tuple(f"{prefix_of(name)}_{key}" for key in _variables(KINDS[directory.kind])),
            )
            for name, directory in sorted(definitions(portals).items())
        )
    )


def _variables(kind: Kind) -> Iterator[str]:
    """Yield the last parts of the names of the variables that a kind needs."""
    yield from ["URL"] if kind.url is None else []
    yield from ["TENANT"] if kind.tenant else []
    yield from ["USER"] if kind.user else []
    yield "SECRET"


def group_named(text: str, known: Collection[str]) -> tuple[str, str]:
    """Return directory and group of `DIRECTORY/GROUP`. Raises BadUsageError for an undeclared directory."""
    name, sign, group = text.partition("/")
    if not sign or not group:
        raise BadUsageError(
            f"{quoted(text)} is not a valid group; expected DIRECTORY/GROUP, such as corp/api-partners"
        )
    if name not in known:
        raise undeclared(name, known)
    return name, group


def _checked_token_url(name: str, url: str | None, prefix: str) -> str | None:
    """Return the address of a token endpoint. It must use TLS, since it gets the secret. Raises BadUsageError."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts)):
        return url
    raise BadUsageError(
        f"directory {name}: {prefix}_TOKEN_URL is not an https address",
        "Use https. Plain http is allowed to this machine only.",
    )
