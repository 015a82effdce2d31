"""Addresses of places in the manifest's files, and of the run, on GitHub or GitLab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from portalctl.reason import Reason


@dataclass(frozen=True, slots=True)
class Links:
    """Where readers of a document find its files and its run. None: not known.

    Args:
        head: the address of the working folder at the commit under review, without a final slash.
        base: the same at the commit that it is compared with.
        run: the address of the run's page.
        report: the address of the full report.
        request: what the change under review is called there.
    """

    head: str | None = None
    base: str | None = None
    run: str | None = None
    report: str | None = None
    request: str = "change"

    def of(self, why: Reason, before: bool = False) -> str | None:
        """Return the address of a rule's line; None where it has none. `before`: the line is the base's."""
        folder = self.base if before else self.head
        return _address(folder, why.file, why.line)

    def at(self, place: str) -> str | None:
        """Return the address of `file:line`."""
        file, _, line = place.rpartition(":")
        return _address(self.head, file, int(line)) if line.isdecimal() and line.isascii() else None


NO_LINKS = Links()


def _address(folder: str | None, file: str | None, line: int | None) -> str | None:
    """Return the address of a line. None for a file outside the working folder, which the commit may not have."""
    if folder is None or not file or not line:
        return None
    path = PurePosixPath(file.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not file.isprintable():
        return None
    return f"{folder}/{quote(str(path))}#L{line}"
