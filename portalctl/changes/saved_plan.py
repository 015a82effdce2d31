"""Saved plans: checks that one is complete, and that it may be applied.

Pure: the file's content, the time and the servers are passed in. An invalid plan is an InputError (65). A plan that
must not be applied, now or here, is a RefusedError (3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from hmac import compare_digest
from typing import get_args

from portalctl.changes.observations import Observations
from portalctl.changes.operation import Subject
from portalctl.changes.operations import NAMES, AddMember, Change, CreateDeveloper, CreateTeam
from portalctl.changes.order import rank
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.changes.plan_document import MASKED, checked, digest_of, masked_digest, parse, rejected
from portalctl.changes.planning import counts
from portalctl.changes.removal_limits import guard_of
from portalctl.errors import BadUsageError, RefusedError
from portalctl.identity import normal_address
from portalctl.ids import HANDLE, is_id
from portalctl.manifest.model import Manifest, RuleKind
from portalctl.manifest.value_formats import LONGEST_TEAM_NAME, RESERVED
from portalctl.providers.registry import find, unknown
from portalctl.rules.distinct_portals import portal_key
from portalctl.times import is_rfc3339

AGAIN = "plan again, and review the new plan"
SHOWN_COUNTS = ("total", "removals", "mails", "unmanaged", "awaited")
MOST = 10**9  # of any count


def load(content: bytes, file: str) -> Plan:
    """Read the plan in a file, to be applied, without the parts that the digest doesn't cover.

    The comparison with a base is for reviewers, and not read from a file. Raises what `read` raises.
    """
    plan = read(content, file)
    return replace(plan, portals=tuple(_counted(without_base(portal)) for portal in plan.portals))


def _counted(portal: PortalPlan) -> PortalPlan:
    """Return a plan with recomputed counts: those in the file are not covered by the digest."""
    return replace(
        portal, summary=counts(portal.provider, portal.changes, Observations().figures(), portal.mail_operations)
    )


def read(content: bytes, file: str) -> Plan:
    """Read the plan in a file, complete and as it was written, to be shown.

    Raises InputError for an invalid plan, RefusedError when the contents do not match the digest, or this version
    does not support a portal's provider."""
    plan = parse(content, file)
    if plan.digest is None or plan.digest.startswith(MASKED):
        raise RefusedError(
            f"{file}: this plan is masked and cannot be applied; nothing was written",
            "Use the file that `portalctl plan --out FILE` writes.",
        )
    if plan.digest != digest_of(plan):
        raise RefusedError(
            f"{file}: the contents do not match the plan's digest, and nothing was written",
            "the file was edited, or another version of portalctl wrote it",
            AGAIN,
        )
    plan = checked(plan, file)
    _check_providers(plan)
    problems = list(_problems(plan))
    if problems:
        raise rejected(file, problems)
    return plan


def check_expected(plan: Plan, expected: str, key: bytes | None = None) -> None:
    """Check that this is the plan with that digest, `sha256:…` or without that prefix, or `masked:…` with the `key`.

    Raises RefusedError for another plan, and BadUsageError for a masked digest without a key.
    """
    actual = shown = plan.digest or ""
    if expected.startswith(MASKED):
        if key is None:
            raise BadUsageError(
                "--expect-digest: this digest is masked, and PORTALCTL_MASK_KEY is not set",
                "Set PORTALCTL_MASK_KEY to the key that the plan was shown with, or pass the plan's own digest.",
            )
        actual = shown = masked_digest(key, actual)
    elif not expected.startswith("sha256:"):
        actual = actual.removeprefix("sha256:")
    if not compare_digest(actual.encode(), expected.encode(errors="surrogatepass")):
        raise RefusedError(
            "this is not the expected plan, and nothing was written",
            f"expected {expected or 'no digest at all: --expect-digest is empty'}",
            f"the plan has {shown}",
            *(
                ["Check that PORTALCTL_MASK_KEY is the key that the plan was shown with."]
                if expected.startswith(MASKED)
                else []
            ),
        )


def check_live(plan: Plan) -> None:
    """Raise RefusedError for a plan made from a saved snapshot.

    Before the writes, only what the plan touches is read again: newer developers, the number of approved developers
    for the removal limits, and registrations would be missed."""
    if plan.snapshot is not None:
        raise RefusedError(
            "the plan was made from a snapshot, and nothing was written",
            f"the snapshot is of {plan.snapshot.created_at}; {AGAIN}, without --snapshot",
        )


def check_time(plan: Plan, now: datetime) -> None:
    """Raise RefusedError when the plan's time has passed."""
    if plan.valid_until is not None and now > datetime.fromisoformat(plan.valid_until):
        raise RefusedError(f"the plan was valid until {plan.valid_until}, and nothing was written", AGAIN)


def check_servers(plan: Plan, urls: Mapping[str, str]) -> None:
    """Raise RefusedError unless `urls`, the servers of the plan's portals by name, are those of the plan."""
    other = [portal for portal in plan.portals if urls[portal.name] != portal.server]
    if other:
        raise RefusedError(
            "the plan is for another server, and nothing was written",
            *(f"{portal.name}: planned at {portal.server}, but this run has {urls[portal.name]}" for portal in other),
        )


def manifest_of(plan: Plan, manifest: Manifest) -> Manifest:
    """Return the plan's portals in a manifest. Raises RefusedError when the plan was not made from it."""
    if manifest.digest != plan.manifest.digest:
        raise RefusedError(
            "the manifest is not the one the plan was made from, and nothing was written",
            f"the plan has {plan.manifest.digest}, the manifest {manifest.digest}",
            AGAIN,
        )
    strange = [portal.name for portal in plan.portals if not _declared(portal, manifest)]
    if strange:
        raise RefusedError(f"the manifest does not have the plan's portals as planned: {', '.join(strange)}", AGAIN)
    return replace(manifest, portals={portal.name: manifest.portals[portal.name] for portal in plan.portals})


def check_guard(plan: Plan, manifest: Manifest, today: date) -> None:
    """Check that each portal's guard is the manifest's own on this day. Raises RefusedError.

    The plan itself holds what its run allowed (`--allow-removals`, `--no-mail-above`).
    """
    for portal in plan.portals:
        guard = portal.guard
        own = guard_of(manifest.portals[portal.name], today, guard.allow_removals, allow_delete=guard.allow_delete)
        if replace(guard, no_mail_above=None) != own:
            raise RefusedError(
                f"portal {portal.name}: the plan's limits are not the manifest's, and nothing was written",
                "the file was edited, or a limit has expired since",
                AGAIN,
            )


def _check_providers(plan: Plan) -> None:
    for portal in plan.portals:
        if find(portal.provider) is None:
            raise RefusedError(
                f"portal {portal.name}: this version cannot work with {portal.provider!r}, and nothing was written",
                unknown(portal.provider)[1],
            )


def _declared(portal: PortalPlan, manifest: Manifest) -> bool:
    declared = manifest.portals.get(portal.name)
    return (
        declared is not None
        and declared.provider == portal.provider
        and declared.id in {None, portal.portal_id}  # None: found by title
    )


def _problems(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield values that the types allow but no plan has, as JSON paths and messages."""
    if plan.valid_until is not None and not is_rfc3339(plan.valid_until):
        yield "valid_until", "should be a date and time with a time zone (RFC 3339)"
    if not plan.portals:
        yield "portals", "has none"
    names: set[str] = set()
    keys: dict[tuple[object, ...], int] = {}
    for index, portal in enumerate(plan.portals):
        path = f"portals[{index}]"
        first = keys.setdefault(portal_key(portal.server, portal.portal_id), index)
        if first != index:
            yield f"{path}.portal_id", f"is the same portal as portals[{first}]"
        if portal.name in names:
            yield f"{path}.name", "another portal of this plan has the same name"
        names.add(portal.name)
        yield from ((f"{path}.{key}", text) for key, text in _portal_problems(portal))


def _portal_problems(portal: PortalPlan) -> Iterator[tuple[str, str]]:
    if not HANDLE.fullmatch(portal.name) or re.match(RESERVED, portal.name):
        yield "name", "is not a valid portal name"
    if not is_id(portal.portal_id):
        yield "portal_id", "is not a valid id"
    counts = {"developers": portal.developers, **{f"summary.{key}": count for key, count in portal.summary.items()}}
    yield from ((key, "is not a valid count") for key, count in counts.items() if not 0 <= count <= MOST)
    yield from ((f"summary.{key}", "is missing") for key in SHOWN_COUNTS if key not in portal.summary)
    if not set(portal.mail_operations or ()) <= set(NAMES):
        yield "mail_operations", "has a name that is not an operation"
    if not 0 <= (portal.guard.no_mail_above or 0) <= MOST:
        yield "guard.no_mail_above", "is not a valid count"
    yield from _order_problems(portal.provider, portal.changes)
    for index, change in enumerate(portal.changes):
        yield from ((f"changes[{index}].{key}", text) for key, text in _change_problems(change))


def _order_problems(provider: str, changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Yield the errors of repeated changes, and of changes not in the order of writing."""
    ids: set[str] = set()
    targets: set[tuple[str | None, ...]] = set()
    ranks = list(map(rank(provider), changes))
    for index, change in enumerate(changes):
        path = f"changes[{index}]"
        target = (change.developer.key if change.developer else None, change.team, *change.detail)
        if change.id in ids:
            yield f"{path}.id", "another change has the same id"
        if target in targets:
            yield path, "another change is about the same"
        if index and ranks[index] < ranks[index - 1]:
            yield path, "is not in the order of writing"
        ids.add(change.id)
        targets.add(target)


def _change_problems(change: Change) -> Iterator[tuple[str, str]]:
    if change.developer is not None:
        yield from ((f"developer.{key}", text) for key, text in _subject_problems(change, change.developer))
        if change.developer.id is not None and not change.creates and change.developer_status is None:
            yield "developer_status", "is missing"
    if change.team is not None and not 1 <= len(change.team) <= LONGEST_TEAM_NAME:
        yield "team", f"a team's name has 1 to {LONGEST_TEAM_NAME} characters"
    if change.changes_nothing:
        yield "after", "equals the state before the change"
    if isinstance(change, CreateTeam) and change.after["name"] != change.team:
        yield "after.name", "is not the name of the team"
    for index, why in enumerate(change.why):
        if why.rule not in get_args(RuleKind):
            yield f"why[{index}].rule", "is not a rule of a manifest"


def _subject_problems(change: Change, developer: Subject) -> Iterator[tuple[str, str]]:
    if developer.id is not None:
        if not is_id(developer.id):
            yield "id", "is not an id"
    elif not isinstance(change, CreateDeveloper | AddMember):
        yield "id", f"{change.op} needs a developer who has an account"
    elif developer.email is None or normal_address(developer.email) is None:
        yield "email", "a developer without an account needs an address"


def without_base(plan: PortalPlan) -> PortalPlan:
    """Return the plan without its comparison with a base."""
    return replace(
        plan,
        changes=tuple(replace(change, origin=None) for change in plan.changes),
        refusals=tuple(replace(refusal, origin=None) for refusal in plan.refusals),
        base=None,
    )
