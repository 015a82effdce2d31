"""Errors of the controller's database: they name the database without a password, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portalctl.errors import BadUsageError, PortalctlError

_ADVICE = (
    ("full", "Free space on its disk."),
    ("locked", "End the other process that uses it."),
    ("malformed", "Restore it from a backup, or name another one with --database."),
    ("not a database", "Restore it from a backup, or name another one with --database."),
    ("readonly", "Give this user the permission to write to the file and its folder."),
)
_DEFAULT_ADVICE = "Check that the database exists, is reachable, and that this user can write to it."


class StoreError(PortalctlError):
    """The database cannot be read or written."""


class ConflictError(PortalctlError):
    """The state has changed: what was asked for is no longer possible."""


def place_of(url: URL) -> str:
    """Return how messages name a database: the path of a file, or the URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    host = f"{url.host or ''}:{url.port}" if url.port else url.host or ""
    user = f"{url.username}@" if url.username else ""
    return f"{url.get_backend_name()}://{user}{host}/{url.database or ''}"


@contextmanager
def extra_postgres() -> Iterator[None]:
    """Raise BadUsageError where an import inside fails, since the extra `postgres` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise BadUsageError(
            f"PostgreSQL needs the extra postgres ({error.name} is not installed)",
            "In a clone: pip install '.[controller,postgres]'",
        ) from None


@contextmanager
def database_errors(place: str, doing: str) -> Iterator[None]:
    """Raise StoreError for every error of the database inside. `doing`: `read` or `written`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise store_error(place, doing, error) from error


def store_error(place: str, doing: str, error: SQLAlchemyError) -> StoreError:
    """Return the error of a database as a message."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    advice = next((advice for words, advice in _ADVICE if words in text), _DEFAULT_ADVICE)
    return StoreError(f"the database {place} can't be {doing}: {text}", advice)
