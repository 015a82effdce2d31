"""What a kind of directory is: one value, from which manifest, schema, help and environment variables are made.

Values are light: what talks to a directory is imported by `Kind.connect`, when a group is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from portalctl.errors import BadUsageError

if TYPE_CHECKING:
    from portalctl.directories.connection import Connection
    from portalctl.directories.protocol import Directory


def accept_any(_: str) -> str | None:
    """Find nothing wrong with a group's name."""
    return None


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a `directories` entry that only some kinds have.

    `form` is what the value has to be: text, a list of texts, true or false, or one of `choices`.
    """

    name: str
    description: str
    form: Literal["text", "texts", "flag", "choice"] = "text"
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of directory.

    Args:
        name: what a manifest writes as `kind:`.
        title: for people.
        module: the module in `portalctl.directories`; its `connect` opens such a directory.
        group_words: what `group` is, for messages and guides.
        group_fault: returns what is wrong with the text of a `group`, or None.
        email: the attributes with addresses, unless the manifest lists others.
        keys: further keys of a `directories` entry.
        url: the address used unless the environment names one; None: the environment has to.
        user, tenant: whether `_USER` and `_TENANT` have to be set.
        claimable_names: whether ordinary users may be able to create a group with any display name.
        preview: tested against stand-ins only, not against the vendor's own server.
    """

    name: str
    title: str
    module: str
    group_words: str
    email: tuple[str, ...]
    group_fault: Callable[[str], str | None] = accept_any
    keys: tuple[Key, ...] = ()
    url: str | None = None
    user: bool = False
    tenant: bool = False
    claimable_names: bool = False
    preview: bool = False

    def connect(self, connection: Connection) -> Directory:
        """Return a directory that can be read, as a context manager. Raises BadUsageError, also where a library is
        missing."""
        try:
            module = import_module(f"portalctl.directories.{self.module}")
        except ModuleNotFoundError as error:
            raise BadUsageError(
                f"directory {connection.name}: {self.title} needs the package {error.name}",
                f"Install portalctl with its extra `{self.name}`; in a clone: pip install '.[{self.name}]'",
            ) from error
        directory: Directory = module.connect(connection)
        return directory
