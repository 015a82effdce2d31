"""Files written whole or not at all. Those that are ours hold people's addresses: only their owner can read them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from stat import S_IMODE


def write_private(path: Path, text: str) -> None:
    """Put `text` in place of whatever is at `path`. Raises OSError, and then nothing of it is left behind."""
    _put(path, text, 0o600)


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
