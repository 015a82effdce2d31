"""Mask the addresses in a document, for readers who may see the number of developers, but not their addresses.

The document is masked before it is rendered. So no form of it contains an address, and no text is cut before it is
masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from portalctl.changes.operation import Operation, Subject
from portalctl.changes.plan import ManifestStamp, Notice, Plan, Refusal, SnapshotStamp
from portalctl.events import ChangeSettled, Sent
from portalctl.insight.access_review import AccessReview, DeveloperAccess
from portalctl.insight.drift import DriftFinding
from portalctl.insight.expected_access import CheckedExpectation
from portalctl.insight.explain import PortalExplanation, Standing
from portalctl.insight.recorded_changes import LAST_CHANGE
from portalctl.output.apply_report import ChangeResult, Report
from portalctl.output.masks import Mask
from portalctl.portals.change_log import Principal, RecordedChange
from portalctl.portals.models import FormAnswer
from portalctl.reason import Reason

D = TypeVar("D")  # a plan, a report, drift, an explanation, an access review, findings of a manifest, or an event

CHOSEN = frozenset({"select", "checkbox"})  # types of fields without free text
HIDDEN = "(masked)"
NAMES = frozenset({"full_name"})  # in the state of an account to be created


def masked(document: D, mask: Mask) -> D:
    """Return a document with masks for all addresses and developer ids, also in messages, reasons and file names.

    Full names and fingerprints derived from addresses are also masked. Digests become keyed digests, or None without
    a lasting key. A masked plan cannot be applied.
    """
    for name in _named(document):
        mask(name)  # first, so that file names that contain the address have the same mask
    result = _Masking(mask).value(document)
    assert isinstance(result, type(document))  # noqa: S101 (masking keeps the type of each value)
    return result


def _named(document: object) -> Iterator[str]:
    """Yield the addresses and ids of the developers in the changes of a plan or a report."""
    for portal in getattr(document, "portals", ()):
        for change in getattr(portal, "changes", ()):
            if change.developer is not None:
                yield from filter(None, (change.developer.email, change.developer.id))


@dataclass(frozen=True, slots=True)
class _Masking:
    """Walks over all values of a document, so that new fields are masked without being listed here."""

    mask: Mask

    def value(self, value: Any) -> Any:  # noqa: ANN401 (a field of any model)
        if isinstance(value, str):
            return self.mask.text(value)
        if isinstance(value, tuple):
            items = map(self.value, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, Mapping):
            return {key: self.mask(item) if key in NAMES else self.value(item) for key, item in value.items()}
        if not is_dataclass(value):
            return value
        before = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **{name: self.value(item) for name, item in before.items()} | self.named(value))  # type: ignore[type-var]

    def named(self, value: Any) -> dict[str, Any]:  # noqa: ANN401 (any model)
        """Return the masked values of fields that contain only a developer or a digest, whatever its format."""
        changed: dict[str, Any] = {}
        match value:
            case Subject() | DeveloperAccess() | Standing() | PortalExplanation() | CheckedExpectation():
                changed = self.developer(value)
            case RecordedChange() | Principal():
                changed = self.recorded(value)
            case Operation(developer=Subject() as developer) | ChangeResult(developer=Subject() as developer):
                changed = {"id": self.change_id(value.id, developer.name, developer.id)}
            case DriftFinding():
                changed = self.finding(value)
            case Refusal(developer=str() as name) | Notice(developer=str() as name):
                changed = {"developer": self.mask(name), "message": self.message(value, name)}
            case Reason():
                changed = self.reason(value)
            case Sent() | ChangeSettled():
                changed = self.event(value)
            case Plan() | ManifestStamp() | SnapshotStamp() | Report() | AccessReview():
                name = {Report: "plan", AccessReview: "manifest"}.get(type(value), "digest")
                changed = {name: self.mask.digest(getattr(value, name))}
            case FormAnswer():
                changed = self.answer(value)
        return changed

    def developer(
        self, value: Subject | DeveloperAccess | Standing | PortalExplanation | CheckedExpectation
    ) -> dict[str, Any]:
        match value:
            case Subject(email, id_):
                return {"email": self.whole(email), "id": self.whole(id_)}
            case DeveloperAccess():
                named = self.whole(value.developer), self.whole(value.id), self.whole(value.full_name)
                return dict(zip(("developer", "id", "full_name"), named, strict=True))
            case Standing():
                return {"developer": self.whole(value.developer), "id": self.whole(value.id)}
            case _:
                return {"subject": self.mask(value.subject)} if value.about == "developer" else {}

    def recorded(self, value: RecordedChange | Principal) -> dict[str, Any]:
        if isinstance(value, Principal):
            return {"name": self.whole(value.name)}
        return {"developer_id": self.whole(value.developer_id)}

    def reason(self, value: Reason) -> dict[str, Any]:
        changed = {"value": self.mask(value.value)} if value.rule in {"overrides", "protected"} else {}
        return changed | ({"identity": self.mask(value.identity)} if value.identity is not None else {})

    def answer(self, value: FormAnswer) -> dict[str, Any]:
        """Hide what was typed, which may be a name or anything else; what was chosen from a list stays."""
        return {} if value.type in CHOSEN else {"values": tuple(HIDDEN for _ in value.values)}

    def event(self, value: Sent | ChangeSettled) -> dict[str, Any]:
        name = value.subject
        about_team = name.startswith("team ")
        return {} if about_team else {"subject": self.mask(name), "change": self.change_id(value.change, name)}

    def finding(self, value: DriftFinding) -> dict[str, Any]:
        changed = {"developer": self.whole(value.developer), "developer_id": self.whole(value.developer_id)}
        if value.developer is not None and value.developer_id is None:
            changed["fingerprint"] = self.mask(value.fingerprint)
        return changed

    def whole(self, text: str | None) -> str | None:
        return self.mask(text) if text else text

    def message(self, value: Refusal | Notice, name: str) -> str:
        """Return the masked message of a notice or refusal about a developer, without the name of who changed it."""
        text = self.sentence(value.message, name)
        what, by, principal = text.partition(" by ")
        return f"{what}{by}{self.mask(principal)}" if value.code == LAST_CHANGE else text

    def sentence(self, text: str, name: str) -> str:
        """Return a masked message about a developer, also if the address does not have the format of one."""
        parts = re.split(rf"(?<!\w){re.escape(name)}(?!\w)", text) if name else [text]
        return self.mask(name).join(map(self.mask.text, parts))

    def change_id(self, text: str, name: str, developer_id: str | None = None) -> str:
        """Return the id of a change: op, developer, and `#` with the account's id if two share an address."""
        op, _, rest = text.partition(":")
        rest = rest.removeprefix(name)
        end = f"#{developer_id}" if developer_id else ""
        if not end or not rest.endswith(end):
            return f"{op}:{self.mask(name)}{self.mask.text(rest)}"
        return f"{op}:{self.mask(name)}{self.mask.text(rest.removesuffix(end))}#{self.mask(developer_id or '')}"
