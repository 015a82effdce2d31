"""The entry point of the command `portalctl`, which turns all results and errors into exit codes.

The modules that read command lines are imported on use: this takes three times the start of Python, and `--version`
does not need them.
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
# The number of new objects before a garbage collection. With the default of 700, collections take a twentieth of the
# time to load a command, and find nothing.
NEW_OBJECTS = 50_000
# The error numbers of a failed write to standard output.
UNWRITABLE = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.ECONNRESET, errno.ENOTCONN}
)


def main() -> NoReturn:
    """Run the command line and exit with its exit code. No traceback is shown."""
    if sys.platform == "win32":
        sys.exit(_unsupported())
    from portalctl.cli.process import prepare

    # Else pydantic imports the plug-ins of every installed package: code beside the token, and time.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    prepare()
    gc.set_threshold(NEW_OBJECTS)
    code = run()
    if code == INTERRUPTED:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)  # a normal exit would wait for threads with a request in flight
    sys.exit(code)


def _unsupported() -> int:
    print(NOT_SUPPORTED, file=sys.stderr)  # noqa: T201
    return 64


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (None: the one of this process), and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["--version"] and COMPLETE not in os.environ:
        return _exit_code_of(_version)
    from portalctl.cli.masking import one_run
    from portalctl.errors import PortalctlError

    try:
        with one_run(words):
            return _exit_code_of(lambda: _command(words))
    except PortalctlError as error:  # the mask key is not valid
        return _exit_code(error)


def _exit_code_of(command: Callable[[], int]) -> int:
    """Return the exit code of a command, also of one that raises an exception."""
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
        importlib.import_module("portalctl.cli.completion")  # adds the completion of all shells to click
    from click import UsageError

    from portalctl.cli.commands import portalctl

    try:
        code = portalctl.main(words, prog_name="portalctl", standalone_mode=False)
    except UsageError as error:
        from portalctl.cli.foreign_words import explained

        raise explained(error, words) from error
    return code if isinstance(code, int) else 0


def _exit_code(error: BaseException) -> int:
    """Print an error on stderr, and return its exit code."""
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
        case SystemExit():  # from click, when the reader of the output has closed it
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
    """Send buffered output to the null device, since Python tries to write it again when it exits."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _system_error(error: OSError) -> int:
    """Print a system error that no command handles, usually of writing to stdout; return its exit code."""
    import click

    from portalctl.errors import BadUsageError, PortalctlError

    if error.filename is None and error.errno in UNWRITABLE:
        _discard_output()
        if not isinstance(error, BrokenPipeError):  # the reader has closed the output: no message
            click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
        return 1
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return _print_error(BadUsageError("too many open files", "Raise the limit (ulimit -n), then run it again."))
    if "temporary directory" in str(error):  # in the text of tempfile's error
        advice = "Set TMPDIR to a folder that you can write to."
        return _print_error(BadUsageError("no usable folder for temporary files", advice))
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return _print_error(PortalctlError(f"{place}{error.strerror or type(error).__name__}"))


def _internal_error(error: Exception) -> int:
    """Print an error in portalctl itself; return its exit code. PORTALCTL_TRACEBACK=1 adds the traceback."""
    import traceback

    import click

    from portalctl.cli.masking import shown_mask

    if os.environ.get("PORTALCTL_TRACEBACK"):
        if shown_mask() is None:
            raise error
        click.echo("".join(traceback.format_exception(error)), err=True)  # raised, it would not be masked
    kind = type(error).__name__
    click.echo(
        f"error: internal error: {kind}. This is a bug: report it with the output of PORTALCTL_TRACEBACK=1", err=True
    )
    return 1
