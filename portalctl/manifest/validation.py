"""Plain data → entries, with every error of a file at once.

Wrong parts are reported and removed, and the rest is validated again, so that an unknown key in one entry does not
hide a public suffix in another. Data after an error only serves to find further errors."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portalctl.errors import Finding
from portalctl.manifest import typography
from portalctl.manifest.file_models import AcknowledgementFile, ExpectationFile, FileKind, FragmentFile, RootFile
from portalctl.manifest.validation_messages import Path, described, path_of
from portalctl.manifest.value_display import type_name
from portalctl.manifest.yaml_source import Data, YamlSource, read

_MOST_ROUNDS: Final = 10  # twice the levels that entries have
# Replaces required keys that are wrong at the top of a file, to find further errors. API7 allows the most.
_STAND_INS: Final[dict[Path, Data]] = {
    ("version",): 1,
    ("portal",): {"name": "unknown", "provider": "api7", "title": "-"},
    ("acknowledgements",): [],
    ("expectations",): [],
}
# Files beside the manifest, which have this key and name no portal.
_BESIDE: Final[dict[str, FileKind]] = {"acknowledgements": AcknowledgementFile, "expectations": ExpectationFile}


@dataclass(frozen=True, slots=True)
class Shaped:
    """One file as entries, with their places.

    `lost`: the top-level keys (`portal`, `teams`) below which an error hides names that other rules may refer to.
    """

    source: YamlSource
    entry: RootFile | FragmentFile
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ShapedAcknowledgements:
    """A file of acknowledgements as entries, with the places of what is left in it."""

    source: YamlSource
    entry: AcknowledgementFile


@dataclass(frozen=True, slots=True)
class ShapedExpectations:
    """A file of expectations as entries, with the places of what is left in it."""

    source: YamlSource
    entry: ExpectationFile

    @property
    def other_keys(self) -> frozenset[str]:
        """The keys that such a file cannot have, for example of rules, which would have no effect."""
        return self.source.keys() - ExpectationFile.model_fields.keys()


AnyShaped = Shaped | ShapedAcknowledgements | ShapedExpectations


@dataclass(frozen=True, slots=True)
class Entries:
    """The result of reading one file. `shaped` None: nothing is left to check. `parsed`: it had no YAML error."""

    shaped: AnyShaped | None
    findings: list[Finding]
    parsed: bool


def read_entries(file: str, content: bytes, kind: FileKind | None = None) -> Entries:
    """Return the entries of one file, and the errors of its YAML and its form.

    `kind` is what the file has to be; without it, its keys decide.
    """
    source, findings = read(file, content)
    parsed, shaped = not findings, None
    if source is not None:
        shaped, wrong = shape(source, kind)
        findings = findings + wrong
    findings += typography.near(file, content, tuple(findings), before=source is None)
    return Entries(shaped, findings, parsed)


def shape(source: YamlSource, kind: FileKind | None = None) -> tuple[AnyShaped | None, list[Finding]]:
    """Return the entries of one file, and the errors of their form. None: nothing is left to check."""
    data = source.data
    if not isinstance(data, dict):
        hint = "; write the entries below `expectations:`" if kind is ExpectationFile else ""
        text = f"expected a mapping that begins with `version: 1`; found {type_name(data)}{hint}"
        return None, [Finding(source.at(), text)]
    findings = _check_kind(source, data) if kind is None else []
    lost = {"portal"} if findings else set()
    model = kind or _kind(data)
    for round_ in range(_MOST_ROUNDS):
        try:
            entry = model.model_validate(data)
        except ValidationError as error:
            problems = error.errors(include_url=False)
        else:
            return _shaped(source, entry, frozenset(lost)), findings
        if round_ == 0:
            findings += described(source, model, problems)
        faulty = {_faulty(problem) for problem in problems}
        lost |= {str(path[0]) for path in faulty if _holds_names(path)}
        _take_out(source, data, faulty, _required(model))
    return None, findings


def _shaped(
    source: YamlSource,
    entry: RootFile | FragmentFile | AcknowledgementFile | ExpectationFile,
    lost: frozenset[str],
) -> AnyShaped:
    match entry:
        case AcknowledgementFile():
            return ShapedAcknowledgements(source, entry)
        case ExpectationFile():
            return ShapedExpectations(source, entry)
        case _:
            return Shaped(source, entry, lost)


def _kind(data: dict[str, Data]) -> FileKind:
    """Return what kind of file this is, by its keys."""
    if isinstance(data.get("portal"), dict):
        return RootFile
    beside = [] if {"portal", "portals"} & data.keys() else [key for key in _BESIDE if key in data]
    return _BESIDE[beside[0]] if beside else FragmentFile


def _check_kind(source: YamlSource, data: dict[str, Data]) -> list[Finding]:
    """Check that the file names its portal. Wrong values are removed."""
    portal = data.get("portal", "")
    if not {"portal", "portals", *_BESIDE} & data.keys():
        message = (
            "this file names no portal; write a `portal:` block (in a root file) or `portal: NAME` (in a fragment)"
        )
        return [Finding(source.at(), message)]
    if "portal" in data and "portals" in data:
        finding = Finding(source.key_at("portals"), "write `portal` or `portals`, not both")
        _take_out(source, data, {("portals",)}, set())
        return [finding]
    if not isinstance(portal, str | dict) and portal is not None:
        message = f"expected a mapping (in a root file) or a portal's name (in a fragment); found {type_name(portal)}"
        finding = Finding(source.at("portal"), message)
        _take_out(source, data, {("portal",)}, set())
        return [finding]
    return []


def _faulty(problem: ErrorDetails) -> Path:
    """Return the path to remove so that the rest can be read: the value, or the mapping that lacks a key."""
    path = path_of(problem)
    return path[:-1] if problem["type"] == "missing" and len(path) > 1 else path


def _holds_names(path: Path) -> bool:
    """Return whether removing this path also removes a name that others refer to: a portal's, or a team's."""
    if path[0] == "portal":
        return path[1:] in ((), ("name",))
    return path[0] == "portals" or (path[0] in {"teams", "directories"} and len(path) <= 2)


def _required(kind: FileKind) -> set[Path]:
    """Return the keys that a file of this kind has to have."""
    return {(name,) for name, key in kind.model_fields.items() if key.is_required()}


def _take_out(source: YamlSource, data: dict[str, Data], paths: set[Path], required: set[Path]) -> None:
    """Remove the values at the paths, from the data and from its marks.

    The places of keys stay: they show what was written. Required keys at the top get a valid value.
    """
    spots: dict[tuple[int, str | int], tuple[Any, Any, str | int]] = {}
    for path in paths - required:
        around, inside = _around(source, path)
        # By identity: through an alias, one list can be in several places.
        spots[id(around), path[-1]] = (around, inside, path[-1])
    for around, inside, step in sorted(spots.values(), key=lambda spot: _index(spot[2]), reverse=True):
        del around[step]
        del inside[step]
    for path in paths & required:
        data[str(path[0])] = copy(_STAND_INS[path])


def _index(step: str | int) -> int:
    return step if isinstance(step, int) else -1


def _around(source: YamlSource, path: Path) -> tuple[Any, Any]:
    """Return the mapping or list at the end of the path, and its places."""
    around: Any = source.data
    mark: Any = source.mark
    for step in path[:-1]:
        around, mark = around[step], mark.inside[step]
    return around, mark.inside
