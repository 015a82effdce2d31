"""The file names of manifests and lists. Pure; the only module with the suffixes."""

from __future__ import annotations

import os
import re
from typing import Final

#: The files that a folder is searched for, in messages.
PATTERNS: Final = "*.yaml or *.yml"

# ASCII letters only: case folding beyond them would accept other characters.
_MANIFEST: Final = re.compile(r"\.ya?ml\Z", re.ASCII | re.IGNORECASE)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is ignored when its folder is read."""
    return name.startswith(".")


def is_manifest(name: str) -> bool:
    """Return whether a name or path ends in `.yaml` or `.yml`, in any letter case."""
    return _MANIFEST.search(name) is not None


# `.yaml` or `.yml` before a last suffix, a tilde, a copy's number: `city.yaml.txt`, `city.yml.bak`, `city.yaml~`.
_NEARLY: Final = re.compile(r"\.ya?ml(?![a-z0-9]).", re.ASCII | re.IGNORECASE)
_LIST: Final = re.compile(r"\.csv\Z", re.ASCII | re.IGNORECASE)
_JSON: Final = re.compile(r"\.json\Z", re.ASCII | re.IGNORECASE)
_DISABLED: Final = re.compile(r"\.disabled\Z", re.ASCII | re.IGNORECASE)


def is_nearly_manifest(name: str) -> bool:
    """Return whether the name of an unread file looks like a manifest's."""
    return _NEARLY.search(name) is not None and not _DISABLED.search(name) and not is_manifest(name)


def is_list(name: str) -> bool:
    """Return whether a name ends in `.csv`, in any letter case, as member lists do."""
    return _LIST.search(name) is not None


def is_json(name: str) -> bool:
    """Return whether a name ends in `.json`, in any letter case:

    its content decides whether it looks like a manifest.
    """
    return _JSON.search(name) is not None


def readable(name: str) -> str:
    """A file's name for messages: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_utf8(name: str) -> bool:
    """Return whether a file's name, as the system returns it, is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
