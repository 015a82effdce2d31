"""The providers: the bundled ones, and plug-ins found by the entry point `portalctl.providers`."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from portalctl.errors import BadUsageError
from portalctl.providers.definition import ABILITIES, Provider
from portalctl.words import close, quoted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "portalctl.providers"
# By name; modules that are imported when a manifest or a plan names the provider.
BUNDLED: Mapping[str, tuple[str, str]] = {
    "konnect": ("portalctl.portals.konnect.provider", "KONNECT"),
    "konnect-v2": ("portalctl.portals.konnect.provider", "KONNECT_V2"),
    "api7": ("portalctl.portals.api7.provider", "API7"),
}


def provider_named(name: str) -> Provider:
    """Return the provider of this name. Raises BadUsageError where there is none, or a plug-in can't be used."""
    found = find(name)
    if found is None:
        raise BadUsageError(*unknown(name))
    return found


def unknown(name: str) -> tuple[str, str]:
    """Return the message and the advice for a name that no provider has."""
    near = close(name, BUNDLED)
    return (
        f"{quoted(name)} is not a known provider" + (f"; did you mean {quoted(near)}?" if near else ""),
        f"Write {', '.join(BUNDLED)}, or install the plug-in that provides it. Plug-ins in the working folder are "
        "not loaded.",
    )


def bundled() -> tuple[Provider, ...]:
    """Return the providers that come with portalctl."""
    return tuple(map(provider_named, BUNDLED))


def family_of(name: str) -> str:
    """Return a key that is equal for providers with portal ids unique together; the name itself if it is unknown."""
    known = find(name)
    return known.family if known is not None else name


def _no_portal(_: object) -> NoReturn:
    raise AssertionError("an unknown provider has no portal")


# Replaces an unknown provider, while further errors of its manifest are looked for.
STAND_IN = Provider("unknown", "an unknown provider", connect=_no_portal, abilities=frozenset(ABILITIES))


@cache
def find(name: str) -> Provider | None:
    """Return the provider of this name; None where there is none. Plug-ins are looked up for other names only.

    Raises BadUsageError where two plug-ins have the name, or one can't be used.
    """
    if name in BUNDLED:
        module, attribute = BUNDLED[name]
        value: Provider = getattr(import_module(module), attribute)
        return value
    with _trusted_path() as path:
        entries = _entries(name, path)
        if len(entries) > 1:
            owners = sorted({entry.dist.name if entry.dist is not None else entry.value for entry in entries})
            raise BadUsageError(
                f"provider {quoted(name)}: {len(entries)} plug-ins have this name ({', '.join(owners)})",
                "Uninstall all but one of them.",
            )
        return _loaded(entries[0]) if entries else None


def _entries(name: str, path: list[str]) -> list[EntryPoint]:
    """Return the entry points of this name, one for each distribution that is found first."""
    from importlib.metadata import DistributionFinder, MetadataPathFinder  # noqa: PLC0415 (20 ms; plug-ins only)

    found: dict[str, EntryPoint] = {}
    for distribution in MetadataPathFinder.find_distributions(DistributionFinder.Context(path=path)):
        for entry in distribution.entry_points.select(group=GROUP, name=name):
            found.setdefault(str(distribution.metadata["Name"]).lower(), entry)
    return list(found.values())


def _loaded(entry: EntryPoint) -> Provider:
    """Return the value that an entry point names. Raises BadUsageError for anything that is not its provider."""
    try:
        value = entry.load()
    except (Exception, SystemExit) as error:  # an error in a plug-in's code is not a bug of portalctl
        raise BadUsageError(
            f"provider {quoted(entry.name)}: the plug-in {entry.value} can't be loaded",
            f"{type(error).__name__}: {error}",
            "Reinstall or update the plug-in.",
        ) from error
    if not isinstance(value, Provider) or value.name != entry.name:
        is_ = f"a provider named {quoted(value.name)}" if isinstance(value, Provider) else type(value).__name__
        raise BadUsageError(
            f"provider {quoted(entry.name)}: the plug-in {entry.value} is {is_}, not a Provider of this name",
            "Report this to the plug-in's author.",
        )
    return value


@contextmanager
def _trusted_path() -> Iterator[list[str]]:
    """Exclude the working folder and everything below from imports while the context lasts.

    A checkout may hold any file, and a plug-in runs with the token at hand. The environment that portalctl itself was
    installed into is trusted wherever it is.
    """
    before = list(sys.path)
    sys.path[:] = [entry for entry in before if _is_trusted(entry)]
    try:
        yield list(sys.path)
    finally:
        sys.path[:] = before


def _is_trusted(entry: str) -> bool:
    own = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib", "platstdlib")}
    try:
        folder, here = Path(entry).resolve(), Path.cwd().resolve()
    except OSError:
        return False
    return folder in own or not (entry == "" or folder == here or here in folder.parents)
