"""`portalctl test`: check that the rules yield what is expected of them, without a portal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from portalctl.cli.completers import portal_names
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.options import Target
from portalctl.cli.paths import file_option, manifest_paths
from portalctl.cli.session import leave, narrowed, open_offline
from portalctl.errors import BadUsageError, Finding, InputError, Position
from portalctl.insight.expected_access import tested
from portalctl.manifest.expectations_file import found_expectations, is_expectations, load_expectations
from portalctl.manifest.files import File, read_files, shown_path
from portalctl.manifest.model import Manifest
from portalctl.output.documents import access_test, render, validation
from portalctl.output_file import check_stdout
from portalctl.run_context import utc_now

FAILED = 2


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@file_option
@click.option(
    "--portal",
    "portal_name",
    metavar="NAME",
    shell_complete=portal_names,
    help="Only the expectations of this portal of the manifest.",
)
@form_option("test")
@mask_option
def test(files: tuple[Path, ...], paths: tuple[Path, ...], portal_name: str | None, output: str) -> None:
    """Check that the rules yield what is expected of them, without a portal and without a token.

    FILE is a file of expectations, or a folder with such files. Without one, all files of expectations in the
    manifest's folders count: those with the key `expectations`, whatever their names. Where the manifest is a single
    file, files named *.test.yaml beside it count. No directory is read: the files contain the members of groups.

    Exits with 2 if an expectation fails, with 65 if a file is invalid.

    \b
    Examples:
      portalctl test -f portals/
      portalctl test -f portals/ tests/access.yaml -o junit > access.xml
    """
    check_stdout()
    paths = manifest_paths(paths)
    manifest = open_offline(Target(paths, None, None, insecure=False))
    chosen = narrowed(manifest, portal_name).portals
    found, findings = _chosen_files(files) if files else (_found(paths, manifest), [])
    style = style_for(sys.stdout)
    try:
        expectations = load_expectations(found, manifest.portals, findings)
    except InputError as error:
        if output == "github":
            show(render(shown(validation((), error.findings)), output, style), style)
        raise
    results = tested((item for item in expectations if item.portal in chosen), chosen, utc_now().date())
    document = access_test((file.shown for file in found), results)
    show(render(shown(document), output, style), style)
    if document.failed:
        leave(FAILED)


def _chosen_files(paths: Sequence[Path]) -> tuple[list[File], list[Finding]]:
    """Return the files named on the command line, and those of expectations in folders; and the errors."""
    files, findings = [], []
    for path in paths:
        read, wrong = read_files([path])
        findings += wrong
        is_folder = path.is_dir()
        wanted = [file for file in read if not is_folder or is_expectations(file)]
        if is_folder and not wanted and not wrong:
            findings.append(Finding(Position(shown_path(path), 1, 1), "no file of expectations in this folder"))
        files += wanted
    return list(dict.fromkeys(files)), findings


def _found(paths: Sequence[Path], manifest: Manifest) -> list[File]:
    """Return the files of expectations of a manifest. Raises BadUsageError if there are none."""
    files = found_expectations(paths, manifest)
    if not files:
        raise BadUsageError(
            f"no file of expectations in {', '.join(map(shown_path, paths))}",
            "Pass one: portalctl test FILE. To write one, see: portalctl docs access-tests.",
        )
    return files
