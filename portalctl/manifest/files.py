"""Paths → files with their content. The only part of the room that touches the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portalctl.errors import Finding, Position

MOST_BYTES: Final = 64 * 1024 * 1024
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a manifest, read.

    `shown` is its name for people; `name` its path relative to what was asked for, the same wherever the
    checkout lies; `path` its absolute path, by which a portal's own file delegates to it.
    """

    shown: str
    name: str
    path: str
    content: bytes


def read_files(paths: Sequence[Path]) -> tuple[tuple[File, ...], list[Finding]]:
    """Every manifest file at the paths, sorted by `shown`, and what could not be found or read.

    A folder stands for its `*.yaml` and `*.yml` files at any depth, except hidden files and folders. Symbolic
    links are followed inside the folder; one that leads out of it is an error. A file met twice counts once.
    """
    files: dict[str, File] = {}
    findings: list[Finding] = []
    for path in paths:
        for found in _below(path) if path.is_dir() else (path,):
            file = _read(found, path) if isinstance(found, Path) else found
            if isinstance(file, Finding):
                findings.append(file)
            else:
                real = os.path.realpath(file.path)
                files[real] = min(file, files.get(real, file), key=lambda each: (each.shown, each.name))
    return tuple(sorted(files.values(), key=lambda file: file.shown)), findings


def digest(files: Iterable[File]) -> str:
    """`sha256:` and the hash over each file's `name` and content, in order of the names."""
    total = hashlib.sha256()
    for name, content in sorted((file.name, file.content) for file in files):
        for part in (os.fsencode(name), content):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return f"sha256:{total.hexdigest()}"


def _below(folder: Path) -> Iterator[Path | Finding]:
    """The manifest files in a folder, in order; at least one thing."""
    found = False
    for each in _walk(folder, Path(os.path.realpath(folder)), frozenset()):
        found = True
        yield each
    if not found:
        yield _finding(folder, "no *.yaml or *.yml file in this folder")


def _walk(folder: Path, root: Path, above: frozenset[str]) -> Iterator[Path | Finding]:
    """`above`: the real paths of the folders on the way here, so that a link to one of them ends the walk."""
    above |= {os.path.realpath(folder)}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        yield _finding(folder, f"cannot read this folder: {error.strerror}")
        return
    for path in paths:
        is_folder = path.is_dir()
        if path.name.startswith(".") or not (is_folder or path.suffix in _SUFFIXES):
            continue
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(root):
            yield _finding(path, "this link leads out of the folder; name its target with a further -f")
        elif not is_folder:
            yield path if path.is_file() else _finding(path, _no_file(path))
        elif str(real) not in above:
            yield from _walk(path, root, above)


def _no_file(path: Path) -> str:
    return "this is not a file" if path.exists() else "no such file"


def _read(path: Path, asked: Path) -> File | Finding:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        return _finding(path, f"cannot read this file: {error.strerror}")
    if len(content) > MOST_BYTES:
        return _finding(path, f"too large: a manifest file has at most {MOST_BYTES // 1024**2} MiB")
    name = path.name if path == asked else path.relative_to(asked).as_posix()
    return File(_shown(path), name, Path(os.path.abspath(path)).as_posix(), content)  # noqa: PTH100 - links stay


def _shown(path: Path) -> str:
    """As people know it: relative to where they are when below it, else as they gave it."""
    normal, here = Path(os.path.normpath(path)), Path.cwd()
    absolute = here / normal
    return (
        absolute.relative_to(here) if absolute.is_relative_to(here) and ".." not in normal.parts else normal
    ).as_posix()


def _finding(path: Path, message: str) -> Finding:
    return Finding(Position(_shown(path), 1, 1), message)
