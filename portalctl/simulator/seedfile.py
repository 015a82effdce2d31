"""Seeds: what both vendors' seed files have in common. What is in them is each vendor's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from portalctl.simulator.message import Json

Entry = dict[str, Any]
Types = Mapping[str, tuple[type, ...]]

TEXT, FLAG, LIST, TEXT_OR_NULL = (str,), (bool,), (list,), (str, type(None))


class SeedError(ValueError):
    """An invalid seed; the message has the place."""


def read_portals(seed: Mapping[str, Any] | Path | str | None, demo: str) -> list[Entry]:
    """The portals of a seed: a mapping, a file, "demo" (the file of this name in seeds/), or None for none.

    Raises SeedError.
    """
    if seed is None:
        return []
    if not isinstance(seed, Mapping):
        seed = _parse(str(seed), demo)
    if not isinstance(seed, Mapping) or set(seed) != {"portals"}:
        raise SeedError("a seed is an object with the one key `portals`")
    return entries(seed, "portals", "seed")


def entries(owner: Mapping[str, Any], key: str, where: str) -> list[Entry]:
    """The objects in the list under a key; none where it is missing. Raises SeedError."""
    value = owner.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise SeedError(f"{where}: `{key}` must be a list of objects")
    return value


def check(kind: str, entry: Entry, types: Types, where: str, required: str | None = None) -> None:
    """Raises SeedError for keys that `types` doesn't have, values of other types, and where `required` is missing."""
    for key, value in entry.items():
        if key not in types:
            raise SeedError(f"{where}: unknown key `{key}` in `{kind}`")
        if not isinstance(value, types[key]):
            raise SeedError(f"{where}: `{key}` in `{kind}` has the wrong type")
    if required is not None and required not in entry:
        raise SeedError(f"{where}: `{required}` is missing in `{kind}`")


def _parse(name: str, demo: str) -> Json:
    try:
        if name == "demo":
            text = resources.files("portalctl.simulator").joinpath("seeds", demo).read_text(encoding="utf-8")
        else:
            text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"cannot read seed {name}: {error}") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise SeedError(f"seed {name} is not JSON: {error}") from error
