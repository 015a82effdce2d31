"""The console: progress and warnings on standard error during a run, and the style of text."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import IO

import click

from portalctl.cli.masking import shown_mask
from portalctl.cli.verbosity import verbosity
from portalctl.events import ChangeSettled, Event, Progress, ReadDone, Retrying, Waiting, Warned
from portalctl.output.escaping import terminal
from portalctl.output.masked_documents import masked
from portalctl.output.text.apply import settled_text
from portalctl.output.text.style import Style
from portalctl.words import plural, wait_words

LOG_INTERVAL = 15.0  # seconds between lines of progress without a terminal
_KEY = "portalctl.console"


def style_for(stream: IO[str], *, verbose: bool = False, env: Mapping[str, str] = os.environ) -> Style:
    """Return the style for a stream.

    It has colours on a terminal and with FORCE_COLOR, but not with NO_COLOR; without a terminal it has 80 columns.

    Args:
        verbose: show long lists in full, as with `--verbose`.
    """
    color = stream.isatty() and env.get("TERM") != "dumb"
    if env.get("FORCE_COLOR"):
        color = True
    if env.get("NO_COLOR"):
        color = False
    columns = shutil.get_terminal_size((80, 24)).columns
    return Style(width=columns, color=color, verbose=verbose or verbosity() == "verbose")


class Console:
    """Shows events as they arrive, from any thread.

    On a terminal, progress is one line, which is rewritten, and erased before other output; elsewhere it is a new
    line every few seconds. With `--quiet` only warnings are shown. If standard error can no longer be written to (a
    closed pipe, a full disk), events are dropped and the run goes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live = sys.stderr.isatty()
        self._shown = ""
        self._last_line = time.monotonic()
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._repeated: Counter[str] = Counter()
        self._style = style_for(sys.stderr)
        self._verbosity = verbosity()
        self._mask = shown_mask()  # worker threads do not see the run's context
        if (context := click.get_current_context(silent=True)) is not None:
            context.meta[_KEY] = self
            context.call_on_close(self.close)

    def __call__(self, event: Event) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._show(event if self._mask is None else masked(event, self._mask))

    def erase(self) -> None:
        """Erase the line of progress."""
        with self._lock, contextlib.suppress(OSError):
            self._clear()

    def close(self) -> None:
        """Erase the line of progress, and show how many requests were repeated without a line of their own."""
        with self._lock, contextlib.suppress(OSError):
            self._clear()
            self._show_repeated()

    def _show(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._line(f"warning: {terminal(event.message)}")
        elif self._verbosity != "quiet":
            self._show_progress(event)

    def _show_progress(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case ReadDone():
                self._show_repeated()
                requests = f"({plural(event.calls, 'request')}, {event.seconds:.1f} s)"
                self._line(f"{event.portal}: read {plural(event.developers, 'developer')} {requests}")
            case Waiting():
                self._line(f"  … waiting {wait_words(event.seconds)}: {terminal(event.because)}")
            case Retrying():
                self._retrying(event)
            case ChangeSettled() if self._verbosity == "verbose":
                self._line(settled_text(event, self._style))

    def _progress(self, event: Progress) -> None:
        """Show a count that never decreases: workers report in any order, and a list may be read again."""
        key = (event.portal, event.doing)
        done, total = self._counts.get(key, (0, 0))
        done, total = self._counts[key] = max(done, event.done), max(total, event.total)
        text = terminal(f"{event.portal}: {event.doing} {done:,}/{total:,}")[: self._style.width - 1]
        if self._live:
            self._clear()
            self._shown = text
            sys.stderr.write(f"\r{text}")
            sys.stderr.flush()
        elif time.monotonic() - self._last_line >= LOG_INTERVAL:
            self._line(text)

    def _retrying(self, event: Retrying) -> None:
        """Show the first repeated request of each cause, all of them with `--verbose`; count the others."""
        first = event.because not in self._repeated
        self._repeated[event.because] += not first
        if first or self._verbosity == "verbose":
            after = f"repeated in {wait_words(event.seconds)}" if event.seconds else "repeated"
            self._line(f"  … {terminal(event.call)}: {terminal(event.because)}; {after}")

    def _show_repeated(self) -> None:
        for because, count in self._repeated.items():
            if count and self._verbosity == "normal":
                self._line(f"  … {plural(count, 'more request')} repeated: {terminal(because)}")
                self._repeated[because] = 0

    def _line(self, text: str) -> None:
        self._clear()
        self._last_line = time.monotonic()
        click.echo(text, err=True)

    def _clear(self) -> None:
        if self._shown:
            sys.stderr.write(f"\r{' ' * len(self._shown)}\r")
            sys.stderr.flush()
            self._shown = ""


def show(text: str, style: Style, *, err: bool = False) -> None:
    """Print a result after erasing the line of progress. `err`: on standard error, beside a document on stdout."""
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(console := context.meta.get(_KEY), Console):
        console.erase()
    click.echo(text, nl=False, color=style.color and not err, err=err)
