"""Files that look like manifests and are not read, and `delegate` entries without a file:

findings with NOT_READ. A rule in such a file has no effect without any other message: a lost denial approves a
leaver. Names decide, and for `.json` files the top level of what is in them."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic_core import from_json

from portalctl.errors import Finding, Position
from portalctl.lookalike import TeamNames, difference
from portalctl.manifest.file_models import RootFile
from portalctl.manifest.files import joined, shown_path
from portalctl.manifest.model import NOT_READ
from portalctl.manifest.names import is_hidden, is_json, is_nearly_manifest, is_utf8
from portalctl.manifest.validation import Shaped
from portalctl.words import close, quoted

MOST_BYTES: Final = 4 * 1024 * 1024  # of one file; no manifest is larger
MOST_BYTES_IN_ALL: Final = 64 * 1024 * 1024
MOST_SHOWN: Final = 20

_PORTAL_KEY: Final = re.compile(r'^\s*"?portals?"?\s*:', re.MULTILINE)
_OTHER_KIND: Final = re.compile(r'^"?(?:kind|\$schema)"?\s*:', re.MULTILINE)
_OTHER_KEYS: Final = frozenset({"kind", "$schema"})
_PORTAL_KEYS: Final = frozenset({"portal", "portals"})


def unread(paths: Sequence[Path], read: Collection[str]) -> list[Finding]:
    """Find files that look like manifests in the folders among `paths` and are not read; `read` has the names of
    those that are.

    At most MOST_SHOWN findings, and one that counts the others. Unreadable files are left out: loading reports them.
    """
    budget = _Budget()
    folders = [path for path in paths if os.path.isdir(path)]  # noqa: PTH112 - never raises
    found = {
        finding.at.file: finding
        for folder in folders
        for finding in _below(folder, budget)
        if finding.at.file not in read
    }
    findings = [found[name] for name in sorted(found)]
    if len(findings) > MOST_SHOWN:
        text = f"{len(findings) - MOST_SHOWN:,} more files look like manifests and are not read"
        last = Finding(Position(shown_path(folders[0]), 1, 1), text, NOT_READ, "warning")
        findings = [*findings[:MOST_SHOWN], last]
    return findings


def entries_without_file(
    root: Shaped, path: str, read: Collection[str], resolve: Callable[[str], str]
) -> Iterator[Finding]:
    """Warn of the entries of a `delegate` for files that are not read.

    `path` is the root file's path, `read` has the paths of all files; they are absolute. `resolve` returns a path
    with its symbolic links resolved."""
    if not isinstance(root.entry, RootFile) or not root.entry.delegate:
        return
    folder = posixpath.dirname(path)
    there = {resolve(other) for other in read}
    names = sorted(posixpath.relpath(other, folder) for other in read if other != path)
    for key in root.entry.delegate:
        if resolve(posixpath.join(folder, key)) not in there:
            text = f"{quoted(key)}: no such file was read; {_what_to_do(posixpath.normpath(key), names)}"
            yield Finding(root.source.key_at("delegate", key), text, NOT_READ, "warning")


def _what_to_do(name: str, names: Sequence[str]) -> str:
    twin = TeamNames(names).like(name)
    if twin is not None:
        return f"there is {quoted(twin)}: {difference(name, twin)}"
    near = close(name, names)
    hint = f"did you mean {quoted(near)}? Else " if near is not None else ""
    return f"{hint}remove the entry, or name the file with -f"


class _Budget:
    """The number of bytes that may still be read to recognize files."""

    def __init__(self) -> None:
        self._left = MOST_BYTES_IN_ALL

    def head(self, path: str) -> bytes:
        """Return the first bytes of a regular file; nothing of other files, or when the budget is used up."""
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                return b""
            with open(path, "rb") as stream:  # noqa: PTH123 - there may be thousands
                content = stream.read(min(MOST_BYTES, self._left))
        except OSError:
            return b""
        self._left -= len(content)
        return content


def _below(folder: Path, budget: _Budget) -> Iterator[Finding]:
    shown = shown_path(folder)
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name) and is_utf8(name))
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        for name in sorted(files):
            if is_hidden(name) or not is_utf8(name):
                continue
            message = _message(place, name, budget)
            if message is not None:
                at = Position(joined(joined(shown, "" if inside == "." else inside), name), 1, 1)
                yield Finding(at, message, NOT_READ, "warning")


def _message(folder: str, name: str, budget: _Budget) -> str | None:
    path = os.path.join(folder, name)  # noqa: PTH118 - there may be thousands
    if is_nearly_manifest(name):
        text = _text(budget.head(path))
        message = "looks like a manifest but is not read; end its name in .yaml, or in .disabled to silence this"
        return None if _OTHER_KIND.search(text) else message
    if is_json(name) and _is_json_manifest(budget.head(path)):
        return "has the keys of a manifest but is not read; end its name in .yaml (JSON is YAML), or in .disabled"
    return None


def _is_json_manifest(content: bytes) -> bool:
    try:
        data = from_json(content)  # bounds depth
    except ValueError:  # not JSON: perhaps YAML under another name
        text = _text(content)
        return _PORTAL_KEY.search(text) is not None and not _OTHER_KIND.search(text)
    return isinstance(data, dict) and bool(_PORTAL_KEYS & data.keys()) and not _OTHER_KEYS & data.keys()


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace")
