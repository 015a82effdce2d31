"""Plain data → the entries people wrote, with every error of a file at once.

What is wrong is reported and taken out, and the rest is read again, so that an unknown key in one entry does not
hide a public suffix in another. What is read after an error only serves to find further ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portalctl.characters import odd
from portalctl.errors import Finding
from portalctl.manifest import typography
from portalctl.manifest.entries import LONG, SHORT, Entry, FragmentFile, RootFile, keys_at
from portalctl.manifest.forms import FORMS, STRICT_FORMS
from portalctl.manifest.source import Data, Source, read
from portalctl.manifest.syntax import kind
from portalctl.words import close, did_you_mean, quoted

Path = tuple[str | int, ...]

#: Keys of other tools and of older manifests that no resemblance leads from, and what the key is here.
RENAMED: Final[Mapping[str, str]] = {"until": "expires", "valid_until": "expires"}

_KEY: Final = "[key]"  # how pydantic says that a mapping's key is wrong, not its value
_MOST_GUESSES: Final = 100  # as many findings are printed
_MOST_ROUNDS: Final = 10  # twice the levels that entries have
# For what is required at the top of a file and wrong, while looking for further errors. API7 allows the most.
_STAND_INS: Final[dict[Path, Data]] = {
    ("version",): 1,
    ("portal",): {"name": "unknown", "provider": "api7", "title": "-"},
}


@dataclass(frozen=True, slots=True)
class Shaped:
    """One file as entries, with the places of what is left in it.

    `lost`: the top-level keys (`portal`, `teams`) below which an error hides names that others may refer to.
    """

    source: Source
    entry: RootFile | FragmentFile
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entries:
    """What was read of one file. `shaped` None: nothing is left to look at. `parsed`: it had no error as YAML."""

    shaped: Shaped | None
    findings: list[Finding]
    parsed: bool


def read_entries(file: str, content: bytes) -> Entries:
    """Return the entries of one file, and what is wrong with it as YAML and with its form."""
    source, findings = read(file, content)
    parsed, shaped = not findings, None
    if source is not None:
        shaped, wrong = shape(source)
        findings = findings + wrong
    findings += typography.near(file, content, tuple(findings), before=source is None)
    return Entries(shaped, findings, parsed)


def shape(source: Source) -> tuple[Shaped | None, list[Finding]]:
    """The entries of one file, and what is wrong with their form. None: nothing is left to look at."""
    data = source.data
    if not isinstance(data, dict):
        return None, [Finding(source.at(), f"expected a mapping that begins with `version: 1`; found {kind(data)}")]
    findings = _check_kind(source, data)
    lost = {"portal"} if findings else set()
    model = RootFile if isinstance(data.get("portal"), dict) else FragmentFile
    for round_ in range(_MOST_ROUNDS):
        try:
            entry = model.model_validate(data)
        except ValidationError as error:
            problems = error.errors(include_url=False)
        else:
            return Shaped(source, entry, frozenset(lost)), findings
        if round_ == 0:
            findings += described(source, model, problems)
        faulty = {_faulty(problem) for problem in problems}
        lost |= {str(path[0]) for path in faulty if _holds_names(path)}
        _take_out(source, data, faulty)
    return None, findings


def _check_kind(source: Source, data: dict[str, Data]) -> list[Finding]:
    """Whether the file says whose it is. What it says wrongly is taken out."""
    portal = data.get("portal", "")
    if "portal" not in data and "portals" not in data:
        message = "this file names no portal: write a `portal:` block (the portal's own file) or `portal: NAME`"
        return [Finding(source.at(), message)]
    if "portal" in data and "portals" in data:
        finding = Finding(source.key_at("portals"), "write `portal` or `portals`, not both")
        _take_out(source, data, {("portals",)})
        return [finding]
    if not isinstance(portal, str | dict) and portal is not None:
        message = f"expected a mapping (the portal's own file) or a portal's name; found {kind(portal)}"
        finding = Finding(source.at("portal"), message)
        _take_out(source, data, {("portal",)})
        return [finding]
    return []


def described(source: Source, model: type[Entry], problems: list[ErrorDetails]) -> list[Finding]:
    """What the model found wrong with a file, each with its place and in our words."""
    findings = []
    unknown = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    misspelt = {_meant(problem, model) for problem in unknown[:_MOST_GUESSES]}
    for number, problem in enumerate(problems):
        path = _path(problem)
        if problem["type"] == "missing" and path in misspelt:
            continue
        if problem["input"] is None and problem["type"] != "extra_forbidden":
            continue  # the reader has said that null is not allowed
        at = source.at(*path)
        if problem["type"] == "extra_forbidden" or _KEY in problem["loc"]:
            at = source.key_at(*path)
        findings.append(Finding(at, message(problem, model, path, guess=number < _MOST_GUESSES)))
    return findings


def _path(problem: ErrorDetails) -> Path:
    """Where in the data, without what pydantic adds to tell the forms of an entry apart."""
    return tuple(step for step in problem["loc"] if step not in (SHORT, LONG, _KEY))


def message(problem: ErrorDetails, model: type[Entry], path: Path, *, guess: bool = True) -> str:
    """What the model found wrong at one path; a character that only looks like the right one is named.

    `guess`: whether to look for the key that was meant, which takes long for thousands of keys.
    """
    found = odd(_suspect(problem, path))
    text = _message(problem, model, path) if guess or problem["type"] != "extra_forbidden" else _unknown(path)
    return text + (f"; {found}" if found else "")


def _unknown(path: Path) -> str:
    return f"unknown key {quoted(str(path[-1]))}"


def _suspect(problem: ErrorDetails, path: Path) -> str:
    """The text in which a character beyond ASCII may be what is wrong; empty where it may well be meant."""
    text, kind_ = problem["input"], problem["type"]
    if kind_ == "extra_forbidden":
        return str(path[-1])
    if not isinstance(text, str) or kind_ in _NOT_SPELT:
        return ""
    if kind_ == "tuple_type":
        return text[:1]
    pattern = problem.get("ctx", {}).get("pattern")
    return text if pattern is None or pattern in STRICT_FORMS else "".join(text[:1] + text[1:][-1:])


def _message(problem: ErrorDetails, model: type[Entry], path: Path) -> str:
    if path == ("version",) and problem["type"] != "missing":
        return "expected `version: 1`, the only version there is"
    if problem["type"] == "extra_forbidden":
        return _unknown_key(str(path[-1]), model, path)
    if problem["type"] == "literal_error":
        return _unknown_choice(problem)
    if problem["type"] in _EXPECTED:
        return _wrong_type(problem)
    if problem["type"] == "string_pattern_mismatch":
        return FORMS[problem["ctx"]["pattern"]]
    say = _SAY.get(problem["type"])
    return say(problem) if say else "this value is not allowed here"


# Kinds of problems that are not about how a value is spelt, or that name the character themselves.
_NOT_SPELT: Final = frozenset({"characters", "missing", "reserved", "string_too_long", "string_too_short"})

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
}

_SAY: Final[dict[str, Callable[[ErrorDetails], str]]] = {
    "missing": lambda problem: f"the key {quoted(str(problem['loc'][-1]))} is missing here",
    "day": lambda problem: problem["msg"],
    "characters": lambda problem: problem["msg"],
    "reserved": lambda problem: problem["msg"],
    "string_too_short": lambda _: "expected some text; this is empty",
    "string_too_long": lambda problem: f"too long: at most {problem['ctx']['max_length']} characters",
    "too_short": lambda _: "expected at least one entry",
    "greater_than_equal": lambda problem: f"expected {problem['ctx']['ge']} or more",
    "less_than_equal": lambda problem: f"expected {problem['ctx']['le']} or less",
}


def _unknown_key(key: str, model: type[Entry], path: Path) -> str:
    known = keys_at(model, path[:-1])
    if len(path) == 1 and model is FragmentFile and key in RootFile.model_fields:
        return f"the key {quoted(key)} is allowed in the root file only, the one with the `portal:` block"
    if RENAMED.get(key) in known:
        return f"{_unknown(path)}; write {quoted(RENAMED[key])} instead"
    hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
    return f"{_unknown(path)}{hint}"


def _meant(problem: ErrorDetails, model: type[Entry]) -> Path:
    """The path of the key that was meant where an unknown one stands."""
    path = _path(problem)
    return *path[:-1], close(str(path[-1]), keys_at(model, path[:-1])) or ""


def _unknown_choice(problem: ErrorDetails) -> str:
    choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    given = problem["input"]
    hint = did_you_mean(given, choices) if isinstance(given, str) else f"; found {kind(given)}"
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
    return f"expected {listed}{hint}"


def _wrong_type(problem: ErrorDetails) -> str:
    expected, found = _EXPECTED[problem["type"]], problem["input"]
    hint = ""
    if expected == "a whole number" and isinstance(found, float):
        return f"expected {expected}, in digits only"
    if expected == "text":
        hint = "; put it in quotes" if isinstance(found, bool | int | float) else ""
        expected = "text or a mapping" if problem["loc"][-1] == SHORT else expected
    elif expected == "a list" and isinstance(found, str):
        hint = "; for one entry write [entry]"
    return f"expected {expected}, found {kind(found)}{hint}"


def _faulty(problem: ErrorDetails) -> Path:
    """What has to go for the rest to be read: the value, or what lacks a key."""
    path = _path(problem)
    return path[:-1] if problem["type"] == "missing" and len(path) > 1 else path


def _holds_names(path: Path) -> bool:
    """Whether names that others refer to go with what is at this path: a portal's, or a team's."""
    if path[0] == "portal":
        return path[1:] in ((), ("name",))
    return path[0] == "portals" or (path[0] == "teams" and len(path) <= 2)


def _take_out(source: Source, data: dict[str, Data], paths: set[Path]) -> None:
    """Remove what is at the paths, from the data and from its marks, so that they stay alike.

    The places of keys stay: they tell what was written. Required keys at the top are made good.
    """
    spots: dict[tuple[int, str | int], tuple[Any, Any, str | int]] = {}
    required = {("version",), ("portal",)} if isinstance(data.get("portal"), dict) else {("version",)}
    for path in paths - required:
        around, inside = _around(source, path)
        # By identity: through an alias one list can stand in several places.
        spots[id(around), path[-1]] = (around, inside, path[-1])
    for around, inside, step in sorted(spots.values(), key=lambda spot: _index(spot[2]), reverse=True):
        del around[step]
        del inside[step]
    for path in paths & required:
        data[str(path[0])] = copy(_STAND_INS[path])


def _index(step: str | int) -> int:
    return step if isinstance(step, int) else -1


def _around(source: Source, path: Path) -> tuple[Any, Any]:
    """The mapping or list that holds the end of the path, and the places in it."""
    around: Any = source.data
    mark: Any = source.mark
    for step in path[:-1]:
        around, mark = around[step], mark.inside[step]
    return around, mark.inside
