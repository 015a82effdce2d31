"""Files written whole or not at all. Those that are ours hold people's addresses: only their owner can read them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from stat import S_IMODE


def write_private(path: Path, text: str) -> None:
    """Put `text` in place of whatever is at `path`. Raises OSError, and then nothing of it is left behind."""
    _put(path, text, 0o600)


def write_public(path: Path, text: str) -> None:
    """The same for a file that every user of the machine may read, and that holds nobody's address."""
    _put(path, text, 0o644)


def create_private(texts: Mapping[Path, str]) -> None:
    """Make new files, and the folders they need: all of them or none.

    Raises OSError, FileExistsError among them, and then nothing of it is left behind.
    """
    _create(texts, 0o600)


def create_public(texts: Mapping[Path, str]) -> None:
    """The same for files that hold nobody's address."""
    _create(texts, 0o644)


def _create(texts: Mapping[Path, str], mode: int) -> None:
    with ExitStack() as undo:
        for path, text in texts.items():
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            undo.callback(path.unlink)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        undo.pop_all()


def rewrite(path: Path, text: str) -> None:
    """Put `text` in place of what is in a file, which keeps its mode; through a link, in the link's target.

    Raises OSError, and then nothing of it is left behind.
    """
    target = Path(os.path.realpath(path))
    _put(target, text, S_IMODE(target.stat().st_mode))


def _put(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
