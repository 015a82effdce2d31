"""Paths → files with their content. Only this module and `unread` touch the disk."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portalctl.errors import Finding, Position
from portalctl.input_file import TooLargeError, read_input
from portalctl.manifest.model import NamedFile
from portalctl.manifest.names import (
    PATTERNS,
    is_hidden,
    is_list,
    is_manifest,
    is_nearly_manifest,
    is_utf8,
    readable,
)
from portalctl.words import quoted

MOST_BYTES: Final = 64 * 1024 * 1024
_NOT_UTF8: Final = "this name is not UTF-8; rename the file or folder"


@dataclass(frozen=True, slots=True)
class File:
    """A manifest file with its content.

    `shown` is its name in messages; `name` its path relative to the given folder, the same for every checkout; `path`
    its absolute path, by which a root file delegates to it."""

    shown: str
    name: str
    path: str
    content: bytes


def read_files(paths: Sequence[Path]) -> tuple[tuple[File, ...], list[Finding]]:
    """Return every manifest file at the paths, sorted by `shown`, and errors for files not found or not readable.

    A folder stands for its `*.yaml` and `*.yml` files at any depth, except hidden files and folders. Symbolic links
    are followed inside the folder; one that leads out of it is an error. A file found twice counts once, by its name
    rather than a link's."""
    files: dict[str, tuple[bool, File]] = {}
    findings: list[Finding] = []
    for place in map(_place, paths):
        if not is_utf8(place.shown):
            findings.append(_finding(place, _NOT_UTF8))
            continue
        for found in _below(place) if os.path.isdir(place.disk) else (place,):  # noqa: PTH112 - never raises
            file = _read(found) if isinstance(found, _FoundFile) else found
            if isinstance(file, Finding):
                findings.append(file)
            elif isinstance(found, _FoundFile):
                here = (found.linked, file)
                files[found.real] = min(here, files.get(found.real, here), key=_by_name)
    return tuple(sorted((file for _, file in files.values()), key=lambda file: file.shown)), findings


def _by_name(met: tuple[bool, File]) -> tuple[bool, str, str]:
    linked, file = met
    return linked, file.shown, file.name


def list_path(file: File, path: str) -> str:
    """Return the path of a list that a manifest file names by its path relative to the file's folder."""
    return _from(file.path, path)


def named_file(file: File, path: str, at: Position) -> NamedFile:
    """Return the file that a root file names by its path relative to the root file's folder."""
    return NamedFile(file.path, _from(file.shown, path), _from(file.path, path), at)


def read_named(paths: Sequence[Path], named: NamedFile) -> File | str | None:
    """Return the file that a root file names; None if it does not exist; or why it cannot be read.

    It lies in the root file's folder or below, or in one of the folders among `paths`, with links resolved.
    """
    try:
        real = Path(os.path.realpath(named.path))
        if not any(real.is_relative_to(_root(folder)) for folder in (*paths, Path(named.root))):
            return f"{quoted(named.shown)} is outside the folder of the manifest; name a file inside it"
        if not real.is_file():
            return f"{quoted(named.shown)} is not a file" if os.path.lexists(named.path) else None
        read = _read(_FoundFile(named.path, str(real), named.shown, named.shown, named.path))
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be read, odd characters
        reason = getattr(error, "strerror", None) or "no file can have this name"
        return f"{quoted(named.shown)} cannot be read: {reason}"
    return f"{quoted(named.shown)}: {read.message}" if isinstance(read, Finding) else read


def _from(file: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def read_list(paths: Sequence[Path], file: File, path: str) -> File | str:
    """Return the list that a manifest file names, or the error.

    It lies in one of the given folders (`paths`), or, where a file was given, in that file's folder or below.
    """
    shown, name = _from(file.shown, path), _from(file.name, path)
    try:
        disk = list_path(file, path)
        real = Path(os.path.realpath(disk))
        if not any(real.is_relative_to(_root(asked)) for asked in paths):
            return "this list is outside the folder that the manifest is read from; give -f a folder that holds both"
        if not real.is_file():
            return f"{quoted(shown)} is not a file" if real.exists() else f"there is no file {quoted(shown)}"
        read = _read(_FoundFile(disk, str(real), shown, name, disk))
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be looked into, odd characters
        return f"{quoted(shown)} can't be read: {getattr(error, 'strerror', None) or 'no file can have this name'}"
    return f"{quoted(shown)}: {read.message}" if isinstance(read, Finding) else read


def _root(asked: Path) -> str:
    return os.path.realpath(asked if os.path.isdir(asked) else asked.parent)  # noqa: PTH112 - never raises


def digest(files: Iterable[File]) -> str:
    """Return `sha256:` and the hash over each file's `name` and content, in order of the names."""
    total = hashlib.sha256()
    for name, content in sorted((file.name, file.content) for file in files):
        for part in (os.fsencode(name), content):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return f"sha256:{total.hexdigest()}"


@dataclass(frozen=True, slots=True)
class _FoundFile:
    """A given file or folder, or one below.

    `disk`: its path for the system; `real`: with links resolved; `linked`: it is a link, or in a linked folder; the
    others are as in File. Names below a folder are derived from the folder's, so that each is computed once."""

    disk: str
    real: str
    shown: str
    name: str
    path: str
    linked: bool = False

    def below(self, entry: os.DirEntry[str]) -> _FoundFile:
        here = os.path.join(self.real, entry.name)  # noqa: PTH118 - there may be thousands
        return _FoundFile(
            disk=entry.path,
            real=os.path.realpath(here) if entry.is_symlink() else here,
            shown=joined(self.shown, entry.name),
            name=joined(self.name, entry.name),
            path=joined(self.path, entry.name),
            linked=self.linked or entry.is_symlink(),
        )


def _place(path: Path) -> _FoundFile:
    """Return a given path as a place. A folder has no name of its own: the checkout may lie anywhere."""
    absolute = Path(os.path.abspath(path)).as_posix()  # noqa: PTH100 - links stay
    name = "" if os.path.isdir(path) else path.name  # noqa: PTH112 - never raises
    real = os.path.realpath(path)
    return _FoundFile(str(path), real, shown_path(path), name, absolute, linked=real != absolute)


def shown_path(path: Path) -> str:
    """Return the path for messages: relative to the working folder if below it, else as given."""
    normal, here = Path(os.path.normpath(path)), Path.cwd()
    absolute = here / normal
    below = absolute.is_relative_to(here) and ".." not in normal.parts
    return (absolute.relative_to(here) if below else normal).as_posix()


def joined(folder: str, name: str) -> str:
    """Join a folder and a name; a folder without a name adds none."""
    return name if folder in ("", ".") else posixpath.join(folder, name)


def _below(folder: _FoundFile) -> Iterator[_FoundFile | Finding]:
    """Yield the manifest files in a folder, in order; an error if there are none."""
    found = False
    for item in _walk(folder, Path(folder.real), frozenset()):
        found = True
        yield item
    if not found:
        yield _finding(folder, f"no {PATTERNS} file in this folder")


def _walk(folder: _FoundFile, root: Path, above: frozenset[str]) -> Iterator[_FoundFile | Finding]:
    """`above`: the real paths of the folders on the way here, so that a link to one of them ends the walk."""
    above |= {folder.real}
    try:
        with os.scandir(folder.disk) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        yield _finding(folder, f"cannot read this folder: {error.strerror}")
        return
    for entry in entries:
        is_folder = _holds(entry.is_dir)
        if is_hidden(entry.name) or not (is_folder or _is_wanted(entry.name)):
            continue
        place = folder.below(entry)
        if not is_utf8(entry.name):
            yield _finding(place, _NOT_UTF8)
        elif entry.is_symlink() and not Path(place.real).is_relative_to(root):
            yield _finding(place, "this link leads out of the folder; name its target with a further -f")
        elif not is_folder:
            yield place if _holds(entry.is_file) else _finding(place, _no_file(place))
        elif place.real not in above:
            yield from _walk(place, root, above)


def _is_wanted(name: str) -> bool:
    """Return whether a file is read, or would be if its name were text: no list can be named by other bytes."""
    return is_manifest(name) or (not is_utf8(name) and (is_list(name) or is_nearly_manifest(name)))


def _holds(ask: Callable[[], bool]) -> bool:
    """Return the system's answer; False for a circular link."""
    try:
        return ask()
    except OSError:
        return False


def _no_file(place: _FoundFile) -> str:
    return "this is not a file" if Path(place.disk).exists() else "no such file"


def _read(place: _FoundFile) -> File | Finding:
    try:
        content = read_input(place.disk, MOST_BYTES)
    except TooLargeError:
        return _finding(place, f"too large: a manifest file has at most {MOST_BYTES // 1024**2} MiB")
    except OSError as error:
        return _finding(place, f"cannot read this file: {error.strerror}")
    return File(place.shown, place.name, place.path, content)


def _finding(place: _FoundFile, message: str) -> Finding:
    return Finding(Position(readable(place.shown), 1, 1), message)
