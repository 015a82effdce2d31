"""The interface of all directories, and the values that they return."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from portalctl.errors import PortalError


class DirectoryError(PortalError):
    """A directory could not be read, or its answer was not provably complete."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account in a directory.

    `id` is stable and not a DN. `addresses` are spelled as in the directory; `unverified` is the number of further
    addresses that the directory has not verified. `via` has the names of the groups between the group that was read
    and this identity, outermost first; empty for a direct member. `name` is set if names were requested.
    """

    id: str
    addresses: tuple[str, ...]
    active: bool = True
    via: tuple[str, ...] = ()
    unverified: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """All of a group's identities at one moment. `id` is stable; `observed_at` is RFC 3339.

    `missing`: the number of members that could not be read, and that the manifest's `missing_members` ignores.
    """

    id: str
    name: str
    identities: tuple[Identity, ...]
    observed_at: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a directory, for `ping`. `server`: its product, if it is known. `date`: its time, in the form of an
    HTTP Date header."""

    server: str = ""
    date: str | None = None


class Directory(Protocol):
    """A directory from which groups are read one by one, in a `with` block."""

    def read(self, group: str) -> Group:
        """Return a complete group. Raises DirectoryError for a group that is missing or not provably complete."""

    def begin(self) -> Facts:
        """Connect and authenticate. Raises DirectoryError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
