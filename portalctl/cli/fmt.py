"""`portalctl fmt`: format manifest files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from portalctl.cli.paths import file_options, manifest_paths
from portalctl.errors import PortalctlError
from portalctl.manifest.files import read_files, read_named
from portalctl.manifest.fmt.format import Formatted, format_files
from portalctl.output.escaping import terminal
from portalctl.output_file import check_stdout, rewrite

DIFFERENT = 2


@click.command()
@file_options
@click.option("--check", is_flag=True, help="Write nothing; exit with 2 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def fmt(paths: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Format manifest files, and print the names of those that changed.

    Keys are put in order, and lists of domains and developers are sorted; quotes, indentation and blank lines become
    uniform. Comments, anchors and the meaning of the files stay. Blank lines divide a list into blocks, which are
    sorted separately; a block with comment lines or entries of several lines keeps its order. A file keeps its line
    ends, LF or CRLF (if it has both, the more frequent ones), and its byte order mark. The file that a root file
    names as `acknowledgements` is formatted too.

    \b
    Examples:
      portalctl fmt -f portals/
      portalctl fmt -f portals/ --check --diff
    """
    paths = manifest_paths(paths)
    formatted = format_files(*read_files(paths), partial(read_named, paths))
    changed = [result for result in formatted if result.changed]
    for result in changed:
        if not check and not diff:
            check_stdout()  # the name of each changed file is printed
            _write(result)
        click.echo(_diff(result) if diff else terminal(result.file.shown), nl=not diff)
    if check and changed:
        files = "1 file is" if len(changed) == 1 else f"{len(changed):,} files are"
        click.echo(f"{files} not in canonical form; to format, run `portalctl fmt` without --check", err=True)
        click.get_current_context().exit(DIFFERENT)


def _diff(formatted: Formatted) -> str:
    """Return a unified diff. Line ends that differ from the file's own are shown, as `\\r\\n` or `\\n`."""
    text = formatted.file.content.decode("utf-8-sig", errors="backslashreplace")
    before, after = (list(_lines(text, formatted.end)), formatted.text.splitlines(keepends=True))
    name = terminal(formatted.file.shown)
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str, end: str) -> Iterator[str]:
    """Yield the lines of a text, ending in `\\n`; line ends other than `end` are shown before it."""
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        line_end = line[len(body) :]
        shown = "" if line_end == end else line_end.encode("unicode_escape").decode()
        yield f"{body}{shown}\n" if line_end else body


def _write(formatted: Formatted) -> None:
    try:
        rewrite(Path(formatted.file.path), formatted.written)
    except OSError as error:
        message = f"cannot write {formatted.file.shown}: {error.strerror}"
        raise PortalctlError(message, "This file is unchanged; files printed before it are formatted.") from error
