"""Secrets from environment variables. A secret variable `NAME` also has the form `NAME_FILE`, the path of a file.

Files keep secrets out of process lists, crash reports and child processes; Kubernetes and Docker mount them as files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from portalctl.errors import BadUsageError

MAX_SECRET_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and the name of the variable that supplied it: `NAME` or `NAME_FILE`."""

    value: str = field(repr=False)
    source: str


def secret(env: Mapping[str, str], name: str) -> Secret | None:
    """Return the secret from `NAME` or from the file that `NAME_FILE` names; None if neither is set.

    The file is read at each call, so that a rotated secret is used by the next run. One line end at its end and a
    byte order mark are dropped. A blank variable counts as unset.

    Raises:
        BadUsageError: both variables are set, or the file is not a readable, small, non-empty text file. The message
            names the variable and the path, never the content.
    """
    file_name = f"{name}_FILE"
    value, path = env.get(name, ""), env.get(file_name, "")
    if value.strip() and path.strip():
        raise BadUsageError(f"{name} and {file_name} are both set", "Unset one of them.")
    if path.strip():
        return Secret(_read(file_name, path), file_name)
    return Secret(value, name) if value.strip() else None


def has_secret(env: Mapping[str, str], name: str) -> bool:
    """Return whether `NAME` or `NAME_FILE` is set, without reading the file."""
    return any(env.get(variable, "").strip() for variable in (name, f"{name}_FILE"))


def _read(variable: str, path: str) -> str:
    """Return the text of the file at `path`. Raises BadUsageError."""
    content = _content(variable, path)
    if len(content) > MAX_SECRET_BYTES:
        raise _unusable(variable, f"{path!r} is larger than {MAX_SECRET_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _unusable(variable, f"{path!r} is not UTF-8 text") from None
    if "\0" in text:
        raise _unusable(variable, f"{path!r} is not a text file")
    if not text.strip():
        raise _unusable(variable, f"{path!r} is empty")
    return text


def _content(variable: str, path: str) -> bytes:
    """Return the file's first bytes, one more than allowed. A path that leads nowhere is not shown: it may be the
    secret itself, set by mistake."""
    try:
        file = Path(path)
        if not file.exists():
            raise _unusable(variable, "there is no file at this path (not shown: it may be the secret itself)")
        if not file.is_file():
            raise _unusable(variable, f"{path!r} is not a regular file")
        with file.open("rb") as stream:
            return stream.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise _unusable(variable, f"cannot read this file: {error.strerror or type(error).__name__}") from None
    except ValueError:
        raise _unusable(variable, "not a valid path") from None


def _unusable(variable: str, fault: str) -> BadUsageError:
    return BadUsageError(f"{variable}: {fault}", f"Set {variable} to the path of a text file that holds the secret.")
