"""Which names of files mean a manifest. Pure; the one place that knows the suffixes."""

from __future__ import annotations

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
