"""The command `portalctl`: turns every outcome into an exit code.

What reads command lines is imported when there is one to read: it takes three times as long as Python's own start,
and `--version` alone needs none of it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, NoReturn

from portalctl.cli.completion_variable import COMPLETE
from portalctl.version import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portalctl.errors import PortalctlError

INTERRUPTED = 130
NOT_SUPPORTED = (
    "error: portalctl runs on Linux and macOS, not on Windows\n  Use WSL, a container, or a CI job on Linux."
)
# How many objects are made before Python looks for garbage. Its default of 700 takes a twentieth of the time to load
# a command; its modules stay.
NEW_OBJECTS = 50_000
# What writing to a broken standard output can fail with.
UNWRITABLE = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.ECONNRESET, errno.ENOTCONN}
)


def main() -> NoReturn:
    """Run, and leave with the documented exit code. No traceback reaches a user."""
    if sys.platform == "win32":
        sys.exit(_unsupported())
    from portalctl.cli.process import prepare

    prepare()
    gc.set_threshold(NEW_OBJECTS)
    code = run()
    if code == INTERRUPTED:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)  # threads in the middle of a request would keep an ordinary exit waiting
    sys.exit(code)


def _unsupported() -> int:
    print(NOT_SUPPORTED, file=sys.stderr)  # noqa: T201
    return 64


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
    sys.stdout.write(f"{GENERATOR}\n")
    return 0


def _command(words: list[str]) -> int:
    if COMPLETE in os.environ:
        importlib.import_module("portalctl.cli.completion")  # a shell asks; this has the answers for every shell
    from click import UsageError

    from portalctl.cli.commands import portalctl

    try:
        code = portalctl.main(words, prog_name="portalctl", standalone_mode=False)
    except UsageError as error:
        from portalctl.cli.foreign_words import explained

        raise explained(error, words) from error
    return code if isinstance(code, int) else 0


def _exit_code(error: BaseException) -> int:
    """Print what went wrong on stderr, and return the exit code for it."""
    import click

    from portalctl.errors import PortalctlError

    match error:
        case PortalctlError():
            return _print_error(error)
        case click.ClickException():
            error.show()
            return 64 if isinstance(error, click.UsageError) else 1
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case OSError():
            return _system_error(error)
        case SystemExit():  # click found that the reader of the output has left
            _discard_output()
            return 1
        case Exception():
            return _internal_error(error)
        case _:
            raise error


def _print_error(error: PortalctlError) -> int:
    import click

    from portalctl.output.text.errors import error_text
    from portalctl.output.text.excerpt import excerpts

    excerpt = excerpts(shutil.get_terminal_size((80, 24)).columns) if sys.stderr.isatty() else None
    click.echo(error_text(error, excerpt), err=True, nl=False)
    return error.exit_code


def _discard_output() -> None:
    """Send what is still held to the null device: Python tries to write it once more as it ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _system_error(error: OSError) -> int:
    """The operating system refused something that no command handles itself: mostly writing to stdout."""
    import click

    from portalctl.errors import BadUsageError, PortalctlError

    if error.filename is None and error.errno in UNWRITABLE:
        _discard_output()
        if not isinstance(error, BrokenPipeError):  # the reader has left, and there is nothing more to say
            click.echo(f"error: the output can't be written: {error.strerror}", err=True)
        return 1
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return _print_error(BadUsageError("too many open files", "Raise the limit (ulimit -n), then run it again."))
    if "temporary directory" in str(error):  # what tempfile says if it finds none
        advice = "Set TMPDIR to a folder that you can write to."
        return _print_error(BadUsageError("no folder for temporary files can be used", advice))
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return _print_error(PortalctlError(f"{place}{error.strerror or type(error).__name__}"))


def _internal_error(error: Exception) -> int:
    """A mistake in portalctl. PORTALCTL_TRACEBACK=1 shows the place, for a bug report."""
    import traceback

    import click

    from portalctl.cli.masking import shown_mask

    if os.environ.get("PORTALCTL_TRACEBACK"):
        if shown_mask() is None:
            raise error
        click.echo("".join(traceback.format_exception(error)), err=True)  # outside the masked streams it would leak
    kind = type(error).__name__
    click.echo(
        f"error: internal error: {kind}. This is a bug: report it with what PORTALCTL_TRACEBACK=1 prints", err=True
    )
    return 1
