"""The controller's log: one JSON object a line, on standard error. Nothing in it needs escaping in a terminal."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from portalctl.events import Event, Retrying, Waiting, Warned
from portalctl.execution.report import timestamp


class Log:
    """Writes lines from any thread. A log that cannot be written stops nothing. `mask` hides addresses."""

    def __init__(self, stream: TextIO | None = None, mask: Callable[[str], str] | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._mask = mask
        self._lock = threading.Lock()

    def info(self, event: str, **facts: object) -> None:
        self._write("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._write("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._write("error", event, facts)

    def observer(self, portal: str) -> Callable[[Event], None]:
        """Return the observer of a portal's runs: warnings, retries and long waits."""

        def observe(event: Event) -> None:
            if isinstance(event, Warned):
                self.warning("warning", portal=portal, message=event.message)
            elif isinstance(event, Waiting) and event.seconds >= 1:
                self.info("waiting", portal=portal, seconds=round(event.seconds, 1), because=event.because)
            elif isinstance(event, Retrying):
                self.info("retrying", portal=portal, call=event.call, because=event.because)

        return observe

    def _write(self, level: str, event: str, facts: dict[str, object]) -> None:
        kept = {key: value for key, value in facts.items() if value is not None}
        if self._mask is not None:
            kept = {key: self._mask(value) if isinstance(value, str) else value for key, value in kept.items()}
        line = json.dumps({"at": timestamp(datetime.now(UTC)), "level": level, "event": event, **kept}, default=str)
        with self._lock:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError):
                return
