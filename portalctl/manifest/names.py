"""Which names of files mean a manifest. Pure; the one place that knows the suffixes."""

from __future__ import annotations

import os
import re
from typing import Final

#: What a folder is searched for, as messages write it.
PATTERNS: Final = "*.yaml or *.yml"

# ASCII letters only: case folding beyond them would take other characters for these.
_MANIFEST: Final = re.compile(r"\.ya?ml\Z", re.ASCII | re.IGNORECASE)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is left out when its folder is read."""
    return name.startswith(".")


def is_manifest(name: str) -> bool:
    """Whether a name or path ends as a manifest's does: in `.yaml` or `.yml`, in any letter case."""
    return _MANIFEST.search(name) is not None


# `.yaml` or `.yml` before a last suffix, a tilde, a copy's number: `city.yaml.txt`, `city.yml.bak`, `city.yaml~`.
_NEARLY: Final = re.compile(r"\.ya?ml(?![a-z0-9]).", re.ASCII | re.IGNORECASE)
_LIST: Final = re.compile(r"\.csv\Z", re.ASCII | re.IGNORECASE)
_JSON: Final = re.compile(r"\.json\Z", re.ASCII | re.IGNORECASE)
_DISABLED: Final = re.compile(r"\.disabled\Z", re.ASCII | re.IGNORECASE)


def is_nearly_manifest(name: str) -> bool:
    """Whether a file that is not read has a name that its author may take for a manifest's."""
    return _NEARLY.search(name) is not None and not _DISABLED.search(name) and not is_manifest(name)


def is_list(name: str) -> bool:
    """Whether a name ends in `.csv`, in any letter case, as the lists of members do."""
    return _LIST.search(name) is not None


def is_json(name: str) -> bool:
    """Whether a name ends in `.json`, in any letter case: its content decides what it looks like."""
    return _JSON.search(name) is not None


def readable(name: str) -> str:
    """A file's name for messages: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_utf8(name: str) -> bool:
    """Whether a file's name, as the system gives it, is text in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
