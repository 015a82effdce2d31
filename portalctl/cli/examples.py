"""The examples and the GitHub action that come with us: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

import portalctl

_PACKAGE = Path(portalctl.__file__).parent
_INSTALLED = _PACKAGE / "_examples"


def examples() -> Path:
    """The folder of examples."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "examples"


def action() -> Path:
    """The definition of the GitHub action."""
    actions = _INSTALLED / "actions" if _INSTALLED.is_dir() else _PACKAGE.parent / ".github" / "actions"
    return actions / "portalctl" / "action.yml"
