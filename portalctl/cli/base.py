"""`--base`: the manifest that a pull request is compared with, read from a folder or a commit."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from portalctl.cli.options import Target
from portalctl.cli.paths import manifest_paths
from portalctl.directories.kinds import KINDS
from portalctl.errors import Finding, InputError
from portalctl.events import Observer, Warned
from portalctl.git.checkout import checkout
from portalctl.insight.base import Base
from portalctl.manifest.files import File, list_path, read_files, read_list
from portalctl.manifest.load import ReadList, assemble
from portalctl.manifest.model import Manifest
from portalctl.rules.unsupported import check
from portalctl.words import plural


def load_base(where: str, target: Target, head: Manifest, observer: Observer) -> Base:
    """Return the base manifest. Errors in it are warnings, since the pull request may fix them.

    Raises GitError if `where` is neither a folder nor a commit.
    """
    base = _base(where, target, observer)
    if base.problem is not None:
        observer(Warned(f"--base {where}: {base.problem}"))
    return base.without(head.portals, target.portal_name)


def _base(where: str, target: Target, observer: Observer) -> Base:
    try:
        manifest = _manifest(where, target, observer)
        if manifest is None:
            return Base({}, "it contains no manifest file")
        check(manifest)
    except InputError as error:
        finding = error.findings[0] if error.findings else error.message
        more = f" (and {len(error.findings) - 1} more)" if len(error.findings) > 1 else ""
        return Base({}, f"its manifest has errors: {finding}{more}")
    return Base(manifest.portals)


def _warn_of_lead(where: str, ahead: int, observer: Observer) -> None:
    """Warn of commits that only the base has: the comparison shows them as reverted."""
    if ahead:
        branched = f'--base "$(git merge-base {shlex.quote(where)} HEAD)"'
        text = (
            f"--base {where} has {plural(ahead, 'commit')} that HEAD does not have; the plan shows them as reverted"
        )
        observer(Warned(f"{text}; to compare with the start of this branch, use {branched}"))


def _manifest(where: str, target: Target, observer: Observer) -> Manifest | None:
    """Return the manifest, None if there are no files. Raises InputError for files that cannot be read."""
    if where and Path(where).is_dir():
        folder = [Path(where)]
        return _assembled(*read_files(folder), partial(read_list, folder))
    head_paths = manifest_paths(target.paths)
    with checkout(where, head_paths) as found:
        _warn_of_lead(where, found.ahead, observer)
        paths = [path for path in map(found.inside, head_paths) if path.exists()]
        files, findings = read_files(paths)

        def listed(file: File, path: str) -> File | str:
            found.add(list_path(file, path))
            return read_list(paths, file, path)

        return _assembled(
            [replace(file, shown=found.shown(file.path)) for file in files],
            [replace(finding, at=finding.at._replace(file=found.shown(finding.at.file))) for finding in findings],
            listed,
        )


def _assembled(files: Sequence[File], findings: Sequence[Finding], lists: ReadList) -> Manifest | None:
    if findings:
        raise InputError(tuple(findings))
    return assemble(files, lists=lists, resolve=os.path.realpath, kinds=KINDS) if files else None
