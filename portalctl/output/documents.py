"""Every document that portalctl writes: its kind, its envelope, and how it is rendered and read.

A document is a frozen value; its JSON begins with `version`, `kind` and `generator`. `forms.FORMS` lists the forms of
each kind. The commands `show` and `schema` and the library's `render` use both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from pydantic_core import from_json

from portalctl import json_file
from portalctl.changes import plan_document
from portalctl.changes.plan import Notice, Plan
from portalctl.errors import MOST_FINDINGS, BadUsageError, Finding, InputError, Position
from portalctl.ids import HANDLE
from portalctl.insight.access_review import AccessReview
from portalctl.insight.directory_ping import DirectoryPing
from portalctl.insight.drift import PortalDrift
from portalctl.insight.expected_access import CheckedExpectation
from portalctl.insight.explain import PortalExplanation
from portalctl.insight.lint import remedy
from portalctl.insight.ping import PortalPing
from portalctl.manifest.model import PortalManifest
from portalctl.output.apply_report import Report
from portalctl.output.escaping import json_text
from portalctl.output.forms import FORMS, forms
from portalctl.output.history import Evidence, History
from portalctl.portals import snapshot_file
from portalctl.portals.snapshot_file import SavedSnapshot
from portalctl.version import GENERATOR
from portalctl.words import did_you_mean, quoted

if TYPE_CHECKING:
    from portalctl.output.links import Links
    from portalctl.output.text.style import Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The differences between portals and their manifest. `notices` are about the acknowledgements."""

    version: Literal[1] = 1
    kind: Literal["drift"] = "drift"
    generator: str = GENERATOR
    portals: tuple[PortalDrift, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decisions of the rules for a developer, a domain or a team, and the reasons."""

    version: Literal[1] = 1
    kind: Literal["explanation"] = "explanation"
    generator: str = GENERATOR
    portals: tuple[PortalExplanation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The checks of portals and directories that a run needs."""

    version: Literal[1] = 1
    kind: Literal["ping"] = "ping"
    generator: str = GENERATOR
    portals: tuple[PortalPing, ...]
    directories: tuple[DirectoryPing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInFile:
    """A finding in a manifest file, in its published form."""

    file: str
    line: int
    column: int
    code: str | None
    severity: Literal["error", "warning"]
    message: str
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The findings in manifest files. At most 100 are listed, errors first; `total` counts all."""

    version: Literal[1] = 1
    kind: Literal["validation"] = "validation"
    generator: str = GENERATOR
    valid: bool
    files: tuple[str, ...]
    total: int
    findings: tuple[FoundInFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPortal:
    """A portal that a manifest declares. None: the manifest does not state it."""

    name: str
    provider: str
    region: str | None
    id: str | None
    title: str | None
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPortals:
    """The portals of a manifest."""

    version: Literal[1] = 1
    kind: Literal["portals"] = "portals"
    generator: str = GENERATOR
    portals: tuple[ListedPortal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePortal:
    """A portal that exists on a server. `declared`: its name in the manifest, None if no root file declares it."""

    id: str
    names: tuple[str, ...]
    provider: str
    server: str
    declared: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePortals:
    """The portals that exist on the servers."""

    version: Literal[1] = 1
    kind: Literal["live_portals"] = "live_portals"
    generator: str = GENERATOR
    portals: tuple[LivePortal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDirectory:
    """A directory that a manifest declares, with the groups that rules name and the variables that it needs.

    `preview`: this kind of directory is tested with simulated servers only.
    """

    name: str
    kind: str
    preview: bool
    groups: tuple[str, ...]
    portals: tuple[str, ...]
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDirectories:
    """The directories of a manifest."""

    version: Literal[1] = 1
    kind: Literal["directories"] = "directories"
    generator: str = GENERATOR
    directories: tuple[ListedDirectory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTest:
    """Which expectations hold. `files` are those that contain them."""

    version: Literal[1] = 1
    kind: Literal["test"] = "test"
    generator: str = GENERATOR
    passed: int
    failed: int
    files: tuple[str, ...]
    expectations: tuple[CheckedExpectation, ...]


LINKED = ("markdown", "html")  # the forms of a plan with links to lines in files

Document = (
    Plan
    | Report
    | SavedSnapshot
    | Drift
    | Explanation
    | AccessReview
    | Ping
    | Validation
    | AccessTest
    | ListedPortals
    | LivePortals
    | ListedDirectories
    | History
    | Evidence
)

MODELS: Mapping[str, type[Document]] = {
    "plan": Plan,
    "report": Report,
    "snapshot": SavedSnapshot,
    "drift": Drift,
    "explanation": Explanation,
    "access": AccessReview,
    "ping": Ping,
    "validation": Validation,
    "test": AccessTest,
    "portals": ListedPortals,
    "live_portals": LivePortals,
    "directories": ListedDirectories,
    "history": History,
    "evidence": Evidence,
}


def render(document: Document, form: str = "text", style: Style | None = None, links: Links | None = None) -> str:
    """Return a document in one of its forms. Raises BadUsageError for a form that it does not have.

    Args:
        style: columns and colours of the text form; by default 80 columns without colours.
        links: the addresses of files and runs, for a plan in Markdown or HTML.
    """
    from portalctl.output.text.style import Style  # noqa: PLC0415 (a document can be created without its forms)

    known = forms(document.kind)
    if form not in known:
        raise BadUsageError(
            f"{quoted(form)} is not a valid form of {document.kind}{did_you_mean(form, known)}",
            f"Choose one of: {', '.join(known)}.",
        )
    style = style or Style()
    if form == "json":
        return to_json(document)
    if form == "text":
        return _function(FORMS[document.kind][form])(document, style)
    if form in FORMS[document.kind]:
        addresses = (links,) if links is not None and isinstance(document, Plan) and form in LINKED else ()
        return _function(FORMS[document.kind][form])(document, *addresses)
    text = _function(FORMS[document.kind]["text"])(document, Style(width=style.width))
    module = {"markdown": "portalctl.output.markdown.text", "html": "portalctl.output.html.text"}[form]
    return _function(f"{module}:shown")(document, text)


def _function(place: str) -> Callable[..., str]:
    module, _, name = place.partition(":")
    function: Callable[..., str] = getattr(import_module(module), name)
    return function


def to_json(document: Document) -> str:
    """Return the published JSON in ASCII, which has no effect on a terminal or in a CI log."""
    if isinstance(document, Plan):
        return json_text(plan_document.to_json(document))
    if isinstance(document, SavedSnapshot):
        return json_text(snapshot_file.to_json(document))
    plain = TypeAdapter(type(document)).dump_python(document, mode="json", by_alias=True)
    indent = None if isinstance(document, ListedPortals) else 2  # one line, for CI variables
    return json_text(json.dumps(plain, indent=indent) + "\n")


# Keys with values that portalctl itself writes, and that no output escapes. All other text may come from outside.
_OWN_KEYS = frozenset(
    {
        *("about", "blocked", "class", "code", "commit", "created_at", "digest", "effect", "ended_at", "fingerprint"),
        *("generator", "kind", "observed_at", "op", "origin", "provider", "region", "result", "rule", "rules_say"),
        *("server", "severity", "since", "snapshot", "started_at", "valid_until", "verdict"),
    }
)
_OWN_WORD = re.compile(r"[\w .,:;/+%@()\[\]~-]*", re.ASCII)
_PORTAL_NAMES = frozenset({("portals", "name"), ("portals", "portal", "name")})


def _forged(value: object, keys: tuple[str, ...] = (), path: str = "") -> Iterator[str]:
    """Yield the JSON paths of values that portalctl cannot have written."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _forged(item, (*keys, str(key)), f"{path}.{str(key)[: json_file.LONGEST_KEY]}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _forged(item, keys, f"{path}[{index}]")
    elif isinstance(value, str) and keys:
        form = HANDLE if keys in _PORTAL_NAMES else _OWN_WORD if keys[-1] in _OWN_KEYS else None
        if form is not None and not form.fullmatch(value):
            yield path


def read(content: bytes, file: str) -> Document:
    """Return the document in a file that portalctl wrote. Raises InputError with the JSON path of each fault.

    The digest of a plan is not checked, because a masked plan has none. `portalctl.changes.saved_plan` checks it
    before a plan is applied.
    """
    kind = _kind(content, file)
    if kind not in MODELS:
        message = f"{quoted(kind)}: not a valid `kind`; expected {', '.join(MODELS)}"
        raise InputError((Finding(Position(file, 1, 1), message),))
    forged = [(path, "is not a text that portalctl writes here") for path in _forged(from_json(content))]
    if forged:
        raise json_file.rejected(file, forged, kind)
    match kind:
        case "plan":
            return plan_document.checked(plan_document.parse(content, file), file)
        case "snapshot":
            return snapshot_file.parse(content, file)
    parsed: Document = json_file.parse(content, file, TypeAdapter(MODELS[kind]), kind)
    return parsed


def _kind(content: bytes, file: str) -> str:
    try:
        document = from_json(content)
    except ValueError as error:
        raise InputError((json_file.not_json(file, str(error), "document"),)) from None
    return str(document.get("kind", "")) if isinstance(document, dict) else ""


def schema(kind: str) -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of document. Later versions may add keys; ignore unknown ones."""
    if kind == "plan":
        return plan_document.plan_schema()
    if kind == "snapshot":
        return snapshot_file.snapshot_schema()
    found = TypeAdapter(MODELS[kind]).json_schema(by_alias=True, mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:portalctl:schema:{kind}:v1"}
    return {**head, **found, "title": f"portalctl {kind}"}


def validation(files: Iterable[str], findings: Sequence[Finding]) -> Validation:
    """Return the document of findings in manifest files. `files` is empty if the files could not be loaded."""
    ranked = sorted(range(len(findings)), key=lambda index: findings[index].severity != "error")
    return Validation(
        valid=all(finding.severity != "error" for finding in findings),
        files=tuple(files),
        total=len(findings),
        findings=tuple(_in_file(findings[index]) for index in sorted(ranked[:MOST_FINDINGS])),
    )


def access_test(files: Iterable[str], expectations: Iterable[CheckedExpectation]) -> AccessTest:
    """Return the document of tested expectations."""
    tested = tuple(expectations)
    failed = sum(item.result == "failed" for item in tested)
    return AccessTest(passed=len(tested) - failed, failed=failed, files=tuple(files), expectations=tested)


def _in_file(finding: Finding) -> FoundInFile:
    return FoundInFile(
        file=finding.at.file,
        line=finding.at.line,
        column=finding.at.column,
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        remedy=remedy(finding),
    )


def listed_portals(portals: Iterable[PortalManifest]) -> ListedPortals:
    """Return the document of a manifest's portals."""
    return ListedPortals(
        portals=tuple(
            ListedPortal(
                name=portal.name,
                provider=portal.provider,
                region=portal.region,
                id=portal.id,
                title=portal.title,
                files=tuple(portal.files),
            )
            for portal in portals
        )
    )
