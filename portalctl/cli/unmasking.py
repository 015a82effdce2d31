"""Resolve a mask given on the command line to the developer that it stands for."""

from __future__ import annotations

from dataclasses import replace

from portalctl import flow
from portalctl.changes.selection import Selection
from portalctl.cli.masking import VARIABLE, mask_key
from portalctl.errors import BadUsageError
from portalctl.identity import normal_address
from portalctl.manifest.model import Manifest
from portalctl.output.masks import Mask, is_mask
from portalctl.rules.rulebook import Rulebook
from portalctl.run_context import Run, utc_now
from portalctl.words import quoted


def unmasked(name: str, manifest: Manifest, run: Run | None = None) -> str:
    """Return the developer with a mask; a name that is not a mask is returned unchanged.

    Candidates are the developers named by a rule and, with a `run`, those on the portals. Raises BadUsageError for a
    mask that cannot be resolved.
    """
    if not is_mask(name):
        return name
    today = utc_now().date()
    known = {developer for portal in manifest.portals.values() for developer in Rulebook.of(portal, today).named}
    known |= flow.live_names(manifest, run) if run is not None else set()
    names = {normal_address(developer) or developer for developer in known}
    if name in names:
        return name
    key = mask_key()
    if key is None:
        raise BadUsageError(
            f"{quoted(name)} is a mask, and {VARIABLE} is not set",
            f"Set {VARIABLE} to the key of the run that wrote the mask, or name the developer.",
        )
    mask = Mask(key)
    found = sorted(developer for developer in names if mask(developer) == name)
    if not found:
        where = "in the manifest or on its portals" if run is not None else "in the manifest"
        raise BadUsageError(
            f"{quoted(name)}: no developer has this mask {where}",
            f"Check that {VARIABLE} is the key of the run that wrote the mask.",
        )
    if len(found) > 1:
        raise BadUsageError(f"{quoted(name)} is the mask of several developers", f"Name one: {', '.join(found)}")
    return found[0]


def with_developer(selection: Selection, manifest: Manifest, run: Run) -> Selection:
    """Return the selection with a mask in `--developer` resolved. Raises what `unmasked` raises."""
    if selection.developer is None:
        return selection
    return replace(selection, developer=unmasked(selection.developer, manifest, run))
