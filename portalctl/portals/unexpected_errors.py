"""An unexpected exception as an error of its portal: it must not end a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from portalctl.errors import PortalctlError, PortalError


class UnexpectedError(PortalError):
    """An unexpected failure."""


@contextmanager
def as_portal_error(what: str) -> Iterator[None]:
    """Raise UnexpectedError, which names `what` was done, for an exception that is not one of portalctl's own."""
    try:
        yield
    except (PortalctlError, CancelledError):
        raise
    except Exception as error:
        raise UnexpectedError(
            f"{what} failed with an unexpected {type(error).__name__}",
            "the portal may have answered in an unusual way; report it with the portal's answer",
        ) from error
