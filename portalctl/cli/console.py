"""The console: what is shown while a run goes on, and how wide and colourful text may be. All of it on stderr."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from typing import IO

import click

from portalctl.cli.masking import shown_mask
from portalctl.events import ChangeSettled, Event, Progress, ReadDone, Waiting, Warned
from portalctl.output.escaping import terminal
from portalctl.output.masked_documents import masked
from portalctl.output.text.apply import settled_text
from portalctl.output.text.style import Style
from portalctl.words import plural, wait_words


def style_for(stream: IO[str], *, verbose: bool = False, env: Mapping[str, str] = os.environ) -> Style:
    """Colour on a terminal, unless NO_COLOR says no or FORCE_COLOR says always; 80 columns where there is none."""
    color = stream.isatty() and env.get("TERM") != "dumb"
    if env.get("FORCE_COLOR"):
        color = True
    if env.get("NO_COLOR"):
        color = False
    return Style(width=shutil.get_terminal_size((80, 24)).columns, color=color, verbose=verbose)


class Console:
    """Shows events as they come, from any thread: progress on a terminal only, the rest a line each.

    That nobody can read them any more (a closed pipe, a full disk) stops nothing that goes on: what shows the result
    at the end will find that out, too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live = sys.stderr.isatty()
        self._shown = ""
        self._style = style_for(sys.stdout)
        self._mask = shown_mask()  # worker threads do not see the run's context
        context = click.get_current_context(silent=True)
        form = context.params.get("output", "text") if context is not None else "text"
        self._aside = form != "text"  # standard output then holds the document alone

    def __call__(self, event: Event) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._show(event if self._mask is None else masked(event, self._mask))

    def _show(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(f"{event.portal}: {event.doing} {event.done:,}/{event.total:,}")
            case ReadDone():
                read = f"{plural(event.developers, 'developer')} in {plural(event.calls, 'call')}"
                self._line(f"{event.portal}: read {read}, {event.seconds:.1f} s")
            case Waiting():
                self._line(f"  … waiting {wait_words(event.seconds)}: {terminal(event.because)}")
            case Warned():
                self._line(f"warning: {terminal(event.message)}")
            case ChangeSettled():
                self._clear()
                click.echo(settled_text(event, self._style), color=self._style.color, err=self._aside)

    def _progress(self, text: str) -> None:
        if self._live:
            self._clear()
            self._shown = terminal(text)
            sys.stderr.write(f"\r{self._shown}")
            sys.stderr.flush()

    def _line(self, text: str) -> None:
        self._clear()
        click.echo(text, err=True)

    def _clear(self) -> None:
        if self._shown:
            sys.stderr.write(f"\r{' ' * len(self._shown)}\r")
            sys.stderr.flush()
            self._shown = ""


def show(text: str, style: Style, *, err: bool = False) -> None:
    """Print a result; `err`: what is no result where a document is asked for."""
    click.echo(text, nl=False, color=style.color and not err, err=err)
