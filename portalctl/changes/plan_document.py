"""The plan as a document: its digest, its JSON both ways, its schema."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from portalctl import json_file
from portalctl.changes.operations import NAMES, typed
from portalctl.changes.plan import ManifestStamp, Plan, PortalPlan, SnapshotStamp
from portalctl.errors import InputError

MASKED = "masked:"  # how a keyed digest begins
SCHEMA_ID = "urn:portalctl:schema:plan:v1"
# The parts of a portal that the digest covers. Refusals too: otherwise a plan could lose them with the same digest.
BOUND = ("name", "provider", "portal_id", "server", "guard", "changes", "refusals", "mail_operations")
# Not covered: the origin of a change is for reviewers, and has no effect on an apply; and when a group was read.
_UNBOUND_REASON: Any = {"__all__": {"observed_at"}}
UNBOUND: Any = {
    "__all__": {"changes": {"__all__": {"origin": True, "why": _UNBOUND_REASON}}, "refusals": {"__all__": {"origin"}}}
}


@cache
def _plan() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


@cache
def _portals() -> TypeAdapter[tuple[PortalPlan, ...]]:
    return TypeAdapter(tuple[PortalPlan, ...])


def digest(
    manifest: ManifestStamp,
    portals: tuple[PortalPlan, ...],
    snapshot: SnapshotStamp | None = None,
    valid_until: str | None = None,
) -> str:
    """Return `sha256:…` of everything that an apply acts on, and of the manifest's digest and files.

    Not covered are notices, counts (which are recomputed where they matter), times of snapshots, the commit that the
    file claims, and the comparison with a base. A plan made from a saved snapshot has another digest than one of the
    same changes from a live portal."""
    plain = _portals().dump_python(portals, mode="json", by_alias=True, exclude=UNBOUND)
    document = {
        "version": 1,
        "manifest": {"digest": manifest.digest, "files": manifest.files},
        "portals": [{key: portal[key] for key in BOUND} for portal in plain],
        "valid_until": valid_until,
        **({"snapshot": snapshot.digest} if snapshot is not None else {}),
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def digest_of(plan: Plan) -> str:
    """Return the digest that a plan should have."""
    return digest(plan.manifest, plan.portals, plan.snapshot, plan.valid_until)


def to_json(plan: Plan) -> str:
    """Return the published form, two-space indented, ending in a line break. Key order is that of the models."""
    return _plan().dump_json(plan, by_alias=True, indent=2).decode() + "\n"


def parse(content: bytes, file: str) -> Plan:
    """Parse the plan in a file's content, before `checked`.

    Raises InputError for anything else; see `json_file.parse`.
    """
    plan = json_file.parse(content, file, _plan(), "plan")
    unknown = [
        (f"portals[{number}].{key}[{index}].op", "is not an operation")
        for number, portal in enumerate(plan.portals)
        for key, changes in (
            ("changes", portal.changes),
            ("base.prevented", portal.base.prevented if portal.base else ()),
        )
        for index, change in enumerate(changes)
        if change.op not in NAMES
    ]
    if unknown:
        raise rejected(file, unknown)
    return plan


def checked(plan: Plan, file: str) -> Plan:
    """Return a parsed plan with each change as its operation.

    Raises InputError where one does not fit its operation.
    """
    problems: list[tuple[str, str]] = []
    portals = []
    for number, portal in enumerate(plan.portals):
        changes = []
        for index, fields in enumerate(portal.changes):
            try:
                changes.append(typed(fields))
            except ValidationError as error:
                path = f"portals[{number}].changes[{index}]"
                problems += [
                    (path + where, text)
                    for where, text in json_file.problems(error, {**asdict(fields), "class": fields.op_class})
                ]
        portals.append(replace(portal, changes=tuple(changes)))
    if problems:
        raise rejected(file, problems)
    return replace(plan, portals=tuple(portals))


def rejected(file: str, problems: Sequence[tuple[str, str]]) -> InputError:
    """Return an InputError; `problems` are JSON paths and what is wrong there; the first of them are shown."""
    return json_file.rejected(file, problems, "plan")


def plan_schema() -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of a plan file. Later versions may add keys; readers ignore unknown ones."""
    schema = _plan().json_schema(by_alias=True, mode="serialization")
    schema["$defs"]["ChangeFields"]["properties"]["op"]["enum"] = list(NAMES)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "portalctl plan",
    }


def masked_digest(key: bytes, digest: str) -> str:
    """Return `masked:` and the digest's HMAC-SHA256 under a mask key, in hexadecimal.

    A plan's own digest lets any reader test guesses of the addresses in it; this form only holders of the key.
    """
    return f"{MASKED}{hmac.new(key, digest.encode(errors='surrogatepass'), hashlib.sha256).hexdigest()}"
