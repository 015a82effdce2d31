"""Where the journal of a portal is kept: a file here; the controller has it in its database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from portalctl.events import Observer
from portalctl.execution.journal import Journal, open_journal
from portalctl.execution.journal_lock import locked_journal
from portalctl.portals.answer_ids import json_object
from portalctl.times import Clock

MAX_BYTES: Final = 64 * 1024**2  # of the end of a journal; a run of 100,000 changes has about as much
Line = Mapping[str, object]


class JournalPlace(Protocol):
    """The place of one portal's journal. `shown` names it in messages."""

    @property
    def shown(self) -> str: ...

    def lock(self, observer: Observer) -> AbstractContextManager[None]:
        """Let no other apply write to the portal until the block ends. Raises PortalctlError after a long wait."""

    def open(self, facts: Mapping[str, object], clock: Clock) -> AbstractContextManager[Journal]:
        """Open the journal of a new apply; it begins with `facts`. Raises PortalctlError if it can't be written."""

    def last_run(self) -> list[Line]:
        """Return the lines of the last apply, its `begin` first; none where it has ended."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A journal in a file."""

    path: Path

    @property
    def shown(self) -> str:
        return str(self.path)

    def lock(self, observer: Observer) -> AbstractContextManager[None]:
        """Lock the file, against another apply on this machine."""
        return locked_journal(self.path, observer)

    def open(self, facts: Mapping[str, object], clock: Clock) -> AbstractContextManager[Journal]:
        """Append to the file. Raises BadUsageError for a path that cannot be used."""
        return open_journal(self.path, facts, clock)

    def last_run(self) -> list[Line]:
        """Read the end of the file. Incomplete lines are ignored."""
        lines: list[Line] = []
        for text in reversed(_tail(self.path).split(b"\n")):
            if not text:
                continue
            line = json_object(text)
            if not lines and line.get("event") == "end":
                return []
            lines.append(line)
            if line.get("event") == "begin":
                return [item for item in reversed(lines) if item.get("run") == line.get("run")]
        return []

    def traces(self) -> frozenset[str]:
        """Return the vendor's ids of the requests with an answer in the file; none if it is not a regular file."""
        if self.path.is_symlink() or not self.path.is_file():
            return frozenset()
        lines = (json_object(text) for text in _tail(self.path).split(b"\n") if b'"answer"' in text)
        traces = (line.get("trace") for line in lines)
        return frozenset(trace.rpartition(":")[2] for trace in traces if isinstance(trace, str))


def _tail(path: Path) -> bytes:
    """Return the end of a file; nothing if it can't be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_BYTES))
            return file.read(MAX_BYTES)
    except OSError:
        return b""
