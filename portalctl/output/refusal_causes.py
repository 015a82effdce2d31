"""The rules that cause a refusal, and the advice on how to continue, for all forms of a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from portalctl.changes.mails import MAILS
from portalctl.changes.operations import Change, DeleteDeveloper
from portalctl.changes.plan import PortalPlan, Refusal
from portalctl.changes.undo import UNDO_WANTED
from portalctl.output.view_model import REMOVAL_LIMITS
from portalctl.reason import Reason


@dataclass(frozen=True, slots=True)
class RefusalCause:
    """A rule behind a refusal, and the number of developers that it affects."""

    why: Reason
    developers: int


def causes(portal: PortalPlan) -> dict[Refusal, tuple[RefusalCause, ...]]:
    """Return, for each refusal, the rules behind the changes that it is about, those with most developers first."""
    concerned = defaultdict[tuple[str | None, str | None], list[Change]](list)  # by developer and team; None: any
    for change in portal.changes if portal.refusals else ():
        name = change.developer.name if change.developer is not None else None
        for key in {(None, None), (name, None), (None, change.team), (name, change.team)}:
            concerned[key].append(change)
    subjects = {(refusal.code, refusal.developer, refusal.team) for refusal in portal.refusals}
    found = {
        (code, developer, team): _causes(concerned[developer, team], code, team) for code, developer, team in subjects
    }
    return {refusal: found[refusal.code, refusal.developer, refusal.team] for refusal in portal.refusals}


def _causes(changes: Iterable[Change], code: str, team: str | None) -> tuple[RefusalCause, ...]:
    affected: dict[Reason, set[str]] = {}
    for change in changes:
        if _is_counted(change, code, team) and change.developer is not None:
            affected.setdefault(change.why[0], set()).add(change.developer.key)
    found = [RefusalCause(why, len(developers)) for why, developers in affected.items()]
    return tuple(sorted(found, key=lambda cause: (-cause.developers, cause.why.file or "", cause.why.line or 0)))


def how_to_continue(portal: PortalPlan, code: Callable[[str], str]) -> tuple[str, ...]:
    """Return the advice on how to continue after refusals.

    Args:
        code: formats an option or a key of the manifest.
    """
    kinds = {refusal.code for refusal in portal.refusals}
    lines = []
    if kinds & REMOVAL_LIMITS:
        allow = code(f"--allow-removals {portal.summary['removals']}")
        lines += [
            f"If these removals are intended, allow them for one run with {allow},",
            f"or raise the limit under {code('policy.limits')} in the manifest (with {code('expires')}).",
        ]
    if MAILS in kinds:
        lines.append(
            f"If these e-mails are intended, raise {code('--no-mail-above')}, or plan a part of the changes."
        )
    if "protected" in kinds:
        lines.append(f"Removals from protected developers are never allowed. Edit {code('protected')}, or the rule.")
    return tuple(lines)


def _is_counted(change: Change, code: str, team: str | None) -> bool:
    if code == "delete":
        return isinstance(change, DeleteDeveloper)
    if code == UNDO_WANTED:
        return False  # it names its rule
    return change.loses if code in {*REMOVAL_LIMITS, "protected"} else team is not None
