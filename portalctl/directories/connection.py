"""The settings with which a directory is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portalctl.cancellation import Stop
from portalctl.directories.access import Access
from portalctl.directories.definition import Kind
from portalctl.events import Observer, ignore
from portalctl.http.throttle import Throttles

Option = str | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """The settings with which a directory is opened.

    `email`: the attributes with addresses. `options`: the keys that only this kind has. `ignore_missing`: whether
    members that cannot be read are left out. `names`: whether the names of identities are also requested. `now`
    returns the time as RFC 3339.
    """

    kind: Kind
    name: str
    access: Access
    email: tuple[str, ...]
    options: Mapping[str, Option]
    now: Callable[[], str]
    ignore_missing: bool = False
    names: bool = False
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    throttles: Throttles = field(default_factory=Throttles)

    def text(self, key: str, default: str = "") -> str:
        """Return the value of an option that is text."""
        value = self.options.get(key, default)
        return value if isinstance(value, str) else default

    @property
    def nested(self) -> bool:
        """Whether members of nested groups also belong to a group."""
        return self.options.get("nested", True) is True
