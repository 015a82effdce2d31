"""The command `portalctl`: turns every outcome into an exit code.

What reads command lines is imported when there is one to read: it takes three times as long as Python's own start,
and `--version` alone needs none of it.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from portalctl.cli.shell import COMPLETE
from portalctl.version import VERSION_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130
UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})  # what is told on stdout
# How many Python lets come before it looks for garbage. Its own 700 make that a twentieth of loading a command, whose
# modules stay.
NEW_OBJECTS = 50_000


def main() -> NoReturn:
    """Run, and leave with the documented exit code. No traceback reaches a user."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a Latin-1 terminal shows escapes, and nothing breaks
    gc.set_threshold(NEW_OBJECTS)
    code = run()
    if code == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # threads in the middle of a request would keep an ordinary exit waiting
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (None: this process's own) and give its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["--version"] and COMPLETE not in os.environ:
        return _ended(_version)
    from portalctl.cli.masking import one_run
    from portalctl.errors import PortalctlError

    try:
        with one_run(words):
            return _ended(lambda: _command(words))
    except PortalctlError as error:  # no usable mask
        return _exit_code(error)


def _ended(command: Callable[[], int]) -> int:
    """The exit code of a command, whatever it raises."""
    try:
        code = command()
        sys.stdout.flush()
    except BaseException as error:
        return _exit_code(error)
    return code


def _version() -> int:
    sys.stdout.write(f"{VERSION_LINE}\n")
    return 0


def _command(words: list[str]) -> int:
    if COMPLETE in os.environ:
        importlib.import_module("portalctl.cli.completion")  # a shell asks; this has the answers for every shell
    from portalctl.cli.commands import portalctl

    code = portalctl.main(words, prog_name="portalctl", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _exit_code(error: BaseException) -> int:
    """Say what went wrong, on stderr, and give the code for it."""
    import click

    from portalctl.errors import BadUsageError, PortalctlError

    match error:
        case PortalctlError():
            from portalctl.report.text.errors import error_text

            click.echo(error_text(error), err=True, nl=False)
            code = error.exit_code
        case click.ClickException():
            error.show()
            code = BadUsageError.exit_code if isinstance(error, click.UsageError) else 1
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
            code = INTERRUPTED
        case OSError() if error.errno in UNWRITABLE:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries it once more as it ends
            if not isinstance(error, BrokenPipeError):  # where the reader has left there is nothing more to say
                click.echo(f"error: the output can't be written: {error.strerror}", err=True)
            code = 1
        case Exception():
            code = _own_mistake(error)
        case _:
            raise error
    return code


def _own_mistake(error: Exception) -> int:
    """A mistake of ours. PORTALCTL_TRACEBACK=1 shows where, for a bug report."""
    if os.environ.get("PORTALCTL_TRACEBACK"):
        raise error
    import click

    click.echo(f"error: internal error: {type(error).__name__}", err=True)
    click.echo("  this is a bug in portalctl; PORTALCTL_TRACEBACK=1 shows where, for a report", err=True)
    return 1
