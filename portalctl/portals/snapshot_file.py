"""Snapshots of portals in a file, to plan from without the portals:

the JSON both ways, and its schema. Such a file holds the addresses of all developers of the portals. Its digest
detects a damaged or edited file; it is not a signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic_core import from_json

from portalctl import json_file
from portalctl.directories.reading import GroupReading
from portalctl.errors import RefusedError
from portalctl.portals.models import Registration, Scope, Snapshot
from portalctl.times import is_rfc3339

SCHEMA_ID = "urn:portalctl:schema:snapshot:v1"
KIND: Literal["snapshot"] = "snapshot"
AGAIN = "take it again: portalctl snapshot --out FILE"


@dataclass(frozen=True, slots=True)
class Declared:
    """A portal as a manifest identifies it. `id` or `title` is None, whichever is not written."""

    name: str
    provider: str
    region: str | None
    id: str | None
    title: str | None


@dataclass(frozen=True, slots=True)
class SavedPortal:
    """The snapshot of one portal. `registrations` are those of the developers (ids) in `registrations_of`."""

    portal: Declared
    snapshot: Snapshot
    registrations_of: frozenset[str]
    registrations: tuple[Registration, ...]

    @property
    def calls(self) -> int:
        """Nothing is requested."""
        return 0

    def read(self, scope: Scope) -> Snapshot:
        """Return the snapshot. Raises RefusedError where it does not cover the scope: unread is not empty."""
        missing = tuple(_missing(self.snapshot, scope))
        if missing:
            raise RefusedError(
                f"the snapshot of portal {self.portal.name} does not cover what the manifest needs",
                *(f"not read: {what}" for what in missing),
                f"plan without --snapshot, or {AGAIN}",
            )
        return self.snapshot

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        """Return the saved registrations of these developers (ids)."""
        return tuple(registration for registration in self.registrations if registration.developer_id in developers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSnapshot:
    """The content of a file. `created_at` is RFC 3339, UTC.

    `groups` of directories have only the identities that an account or a rule names.
    """

    version: Literal[1] = 1
    kind: Literal["snapshot"] = KIND
    generator: str
    created_at: str
    digest: str
    portals: tuple[SavedPortal, ...]
    groups: tuple[GroupReading, ...] = ()

    def of(self, declared: Declared) -> SavedPortal:
        """Return the snapshot of a portal.

        Raises RefusedError where the file has another portal, or none of this name.
        """
        found = next((portal for portal in self.portals if portal.portal.name == declared.name), None)
        if found is None:
            known = ", ".join(portal.portal.name for portal in self.portals)
            raise RefusedError(f"the snapshot has no portal {declared.name}; it has: {known or 'none'}", AGAIN)
        if found.portal != declared:
            raise RefusedError(
                f"the snapshot is of another portal {declared.name} than the manifest names",
                "they differ in provider, region, id or title",
                AGAIN,
            )
        return found


def saved_snapshot(
    portals: tuple[SavedPortal, ...],
    groups: tuple[GroupReading, ...] = (),
    *,
    created_at: str,
    generator: str,
) -> SavedSnapshot:
    """Return a snapshot document of these portals and groups, sorted by name, with its digest."""
    portals = tuple(sorted(portals, key=lambda item: item.portal.name))
    groups = tuple(sorted(groups, key=lambda group: (group.directory, group.asked)))
    return SavedSnapshot(
        generator=generator,
        created_at=created_at,
        digest=_digest(portals, groups, created_at),
        portals=portals,
        groups=groups,
    )


def to_json(snapshot: SavedSnapshot) -> str:
    """Return the published form, ending in a line break; equal for equal snapshots."""
    return _text(_adapter().dump_python(snapshot)) + "\n"


def parse(content: bytes, file: str) -> SavedSnapshot:
    """Parse the snapshot in a file's content.

    Raises InputError for anything else, or where the digest does not match.
    """
    found = json_file.parse(content, file, _adapter(), KIND)
    problems = [*_problems(found)]
    if problems:
        raise json_file.rejected(file, problems, KIND)
    return found


def edited(content: bytes, file: str, edit: Callable[[Any], Any]) -> str:
    """Return the snapshot in a file's content after an edit of its JSON, with a new digest. Raises InputError."""
    parse(content, file)
    plain = edit(from_json(content))
    found = json_file.parse(json.dumps(plain).encode(), file, _adapter(), KIND)
    return to_json(
        saved_snapshot(found.portals, found.groups, created_at=found.created_at, generator=found.generator)
    )


def snapshot_schema() -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of a snapshot file.

    Later versions may add keys; readers ignore unknown ones.
    """
    schema = _adapter().json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "portalctl snapshot",
    }


def _problems(found: SavedSnapshot) -> Iterator[tuple[str, str]]:
    """Yield values that the types allow but no snapshot has, as JSON paths and messages."""
    if found.digest != _digest(found.portals, found.groups, found.created_at):
        yield "digest", f"does not match the contents; {AGAIN}"
    moments = {
        f"portals[{i}].snapshot.observed_at": item.snapshot.observed_at for i, item in enumerate(found.portals)
    }
    moments |= {f"groups[{i}].observed_at": group.observed_at for i, group in enumerate(found.groups)}
    for path, text in {"created_at": found.created_at, **moments}.items():
        if not is_rfc3339(text):
            yield path, "should be a date and time with a time zone (RFC 3339)"


def _missing(snapshot: Snapshot, scope: Scope) -> Iterator[str]:
    """Yield the parts of a scope that the snapshot lacks. A missing team has no members to read."""
    for team in snapshot.teams:
        if scope.has_members(team.name) and team.id not in snapshot.members:
            yield f"members of team {team.name}"
        if scope.has_roles(team.name) and team.id not in snapshot.roles:
            yield f"roles of team {team.name}"
    for api in sorted(scope.apis - snapshot.apis.keys()):
        yield f"API {api}"
    if scope.requests and not snapshot.scope.requests:
        yield "requests for access"
    if scope.form and snapshot.form is None:
        yield "the sign-up form"


def _digest(portals: tuple[SavedPortal, ...], groups: tuple[GroupReading, ...], created_at: str) -> str:
    plain = {"version": 1, "created_at": created_at, "portals": _portals().dump_python(portals)}
    text = _text(plain | ({"groups": _groups().dump_python(groups)} if groups else {}))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _text(plain: object) -> str:
    """Return compact JSON; sets are sorted."""
    return json.dumps(plain, separators=(",", ":"), default=sorted)


@cache
def _adapter() -> TypeAdapter[SavedSnapshot]:
    return TypeAdapter(SavedSnapshot)


@cache
def _groups() -> TypeAdapter[tuple[GroupReading, ...]]:
    return TypeAdapter(tuple[GroupReading, ...])


@cache
def _portals() -> TypeAdapter[tuple[SavedPortal, ...]]:
    return TypeAdapter(tuple[SavedPortal, ...])
