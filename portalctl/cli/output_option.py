"""Options that name an output file: the path is checked when the command line is read, before anything is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portalctl.errors import BadUsageError, PortalctlError
from portalctl.output_file import PRIVATE, Output, open_output

if TYPE_CHECKING:
    PathType = click.Path[Output]
else:
    PathType = click.Path

JOURNAL = "journal"  # the parameter of `--journal`, the one output that is not an `Output`


class OutputPath(PathType):
    """An output file. If it is standard output, all other output of the command goes to standard error."""

    def __init__(self, mode: int = PRIVATE) -> None:
        super().__init__(dir_okay=False)
        self._mode = mode

    def convert(  # type: ignore[override]  # gives a value of our own
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Output | str:
        """Open the file for output. Raises BadUsageError for a path that cannot be written to."""
        path = os.fspath(value)
        if ctx is None or param is None or ctx.resilient_parsing:
            return path
        output = open_output(param.opts[0], path, self._mode)
        ctx.call_on_close(output.close)
        if output.stdout:
            ctx.with_resource(redirect_stdout(sys.stderr))
        return output


def write_output(option: str, output: Output, text: str) -> None:
    """Write a result. Raises PortalctlError if that fails."""
    try:
        output.write(text)
    except OSError as error:
        raise PortalctlError(f"{option} {output.shown} could not be written: {error.strerror or error}") from error


def check_one_result(option: str, output: Output | None, form: str) -> None:
    """Check that only one result goes to standard output. Raises BadUsageError."""
    if output is not None and output.stdout and form != "text":
        raise BadUsageError(
            f"{option} {output.shown} and -o {form} both write to standard output", f"Name a file with {option} FILE."
        )


def check_distinct(read: Iterable[str | Path] = ()) -> None:
    """Check that no output file of the current command is another output or an input. Raises BadUsageError.

    `read` are input files in addition to those on the command line.
    """
    context = click.get_current_context()
    names = {param.name: param.opts[0] for param in context.command.params}
    outputs: list[tuple[str, Path]] = []
    inputs = [Path(path) for path in read]
    for name, value in context.params.items():
        if isinstance(value, Output):
            outputs += [(names[name], value.target)] if value.target is not None else []
        elif isinstance(value, Path) and name == JOURNAL:
            outputs.append((names[name], value))
        else:
            inputs += [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Path)]
    for index, (option, path) in enumerate(outputs):
        for other, other_path in outputs[:index]:
            if _same(path, other_path):
                raise BadUsageError(f"{other} and {option} name the same file: {path}", "Name two different files.")
        if any(_same(path, file) for file in inputs):
            raise BadUsageError(
                f"{option} {path}: this command also reads this file", f"Name another file with {option}."
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121
    except OSError:  # one of them does not exist yet
        return os.path.realpath(one) == os.path.realpath(other)
