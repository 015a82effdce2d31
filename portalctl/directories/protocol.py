"""What every directory answers, and the values it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from portalctl.errors import PortalError


class DirectoryError(PortalError):
    """A directory could not be read, or what it answered was not provably complete."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person in a directory.

    `id` is stable and not a DN. `addresses` are as the directory has them; `unverified` is the number of further ones
    that it has not verified. `via` are the names of the groups between the group that was read and this identity,
    outermost first; empty for a direct member. `name` is the person's, where it was asked for.
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

    `missing`: the number of members that could not be read and that the directory's entry says to ignore.
    """

    id: str
    name: str
    identities: tuple[Identity, ...]
    observed_at: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a directory says about itself, for `ping`. `server`: its product, where it tells. `date`: its clock, as an
    HTTP Date header."""

    server: str = ""
    date: str | None = None


class Directory(Protocol):
    """A directory that is read group by group, in a `with` block."""

    def read(self, group: str) -> Group:
        """Return a group, complete. Raises DirectoryError for one that is not there, or not provably complete."""

    def begin(self) -> Facts:
        """Connect and authenticate. Raises DirectoryError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
