"""`--state` and `--database`: the controller's database, used by commands without a running controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.execution.journal import FOLDER

if TYPE_CHECKING:
    from portalctl.controller.store import Store

VARIABLE: Final = "PORTALCTL_DATABASE"


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """Where the database is."""

    state: Path
    url: str | None


def database_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets one `place`."""

    @click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=FOLDER,
        show_default=True,
        metavar="DIR",
        help="The controller's folder.",
    )
    @click.option(
        "--database",
        metavar="URL",
        help="The controller's database, if it is not in its folder: sqlite:///PATH or postgresql://USER@HOST/NAME. "
        f"{VARIABLE} takes one with a password.",
    )
    @wraps(command)
    def with_place(*, state: Path, database: str | None, **others: Any) -> None:  # noqa: ANN401 (of any command)
        command(place=DatabaseOptions(state, database), **others)

    return with_place


@contextmanager
def open_store(place: DatabaseOptions, what: str) -> Iterator[Store]:
    """Open the database beside a controller that may be running. `what`: the command, for messages.

    Raises BadUsageError without the extra `controller`, and StoreError where there is no database.
    """
    try:
        from portalctl.controller.database import open_database
        from portalctl.controller.store import Store
    except ModuleNotFoundError as error:
        raise BadUsageError(
            f"portalctl {what} needs the extra controller ({error.name} is not installed)",
            "In a clone: pip install '.[controller]'",
        ) from None
    engine = open_database(database_url(place.url), state=place.state, exclusive=False)
    try:
        yield Store(engine)
    finally:
        engine.dispose()


def database_url(option: str | None) -> str | None:
    """Return the URL from the option, or from PORTALCTL_DATABASE. Raises BadUsageError where both are set."""
    found = secret(os.environ, VARIABLE)
    if found is not None and option is not None:
        raise BadUsageError(f"--database and {found.source} are both set", "Leave one of them out.")
    return found.value.strip() if found is not None else option
