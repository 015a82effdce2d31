"""The definition of a kind of directory, from which manifest keys, schema, help and variables are derived.

Definitions are cheap to import: `Kind.connect` imports the module that reads a directory.
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
    """Accept any name of a group."""
    return None


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a `directories` entry that only some kinds have.

    `form` is the type of the value: text, a list of texts, true or false, or one of `choices`.
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
        name: the value of `kind:` in a manifest.
        title: the product's name, for messages and guides.
        module: the module in `portalctl.directories`; its `connect` opens such a directory.
        group_words: the meaning of `group`, for messages and guides.
        group_fault: returns the fault in the text of a `group`, or None.
        email: the attributes with addresses, unless the manifest lists others.
        keys: further keys of a `directories` entry.
        url: the default address; None: the variable `_URL` is required.
        user, tenant: whether the variables `_USER` and `_TENANT` are required.
        claimable_names: whether ordinary users may be able to create a group with any display name.
        preview: tested only with simulated servers, not with the vendor's own.
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
        """Return a directory to read, as a context manager. Raises BadUsageError for wrong settings or a missing
        library."""
        try:
            module = import_module(f"portalctl.directories.{self.module}")
        except ModuleNotFoundError as error:
            raise BadUsageError(
                f"directory {connection.name}: {self.title} needs the package {error.name}",
                f"Install portalctl with its extra `{self.name}`; in a clone: pip install '.[{self.name}]'",
            ) from error
        directory: Directory = module.connect(connection)
        return directory
