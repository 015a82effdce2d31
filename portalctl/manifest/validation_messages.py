"""Pydantic's validation errors → findings in plain words, each at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pydantic_core import ErrorDetails

from portalctl.characters import odd
from portalctl.errors import Finding
from portalctl.manifest.file_models import Entry, FragmentFile, RootFile, keys_at
from portalctl.manifest.model import GROUP, LONG, SHORT, MemberFile, MemberGroup, RuleModel
from portalctl.manifest.value_display import type_name
from portalctl.manifest.value_formats import FORMS, STRICT_FORMS
from portalctl.manifest.yaml_source import YamlSource
from portalctl.words import close, did_you_mean, quoted

Path = tuple[str | int, ...]

#: Keys of other tools and older manifests that do not resemble ours, and our key.
RENAMED: Final[Mapping[str, str]] = {"until": "expires", "valid_until": "expires"}

_UNKNOWN_KEY: Final = ("extra_forbidden", "unexpected_keyword_argument")  # of models and of dataclasses
_KEY: Final = "[key]"  # how pydantic marks an error in a mapping's key
_MOST_GUESSES: Final = 100  # as many findings are printed


def described(source: YamlSource, model: type[Entry | RuleModel], problems: list[ErrorDetails]) -> list[Finding]:
    """Return the validation errors of a file as findings, each with its place, in plain words."""
    findings = []
    unknown = [problem for problem in problems if problem["type"] in _UNKNOWN_KEY]
    misspelt = {_meant(problem, model) for problem in unknown[:_MOST_GUESSES]}
    for number, problem in enumerate(problems):
        path = path_of(problem)
        if problem["type"] == "missing" and path in misspelt:
            continue
        if problem["input"] is None and problem["type"] not in _UNKNOWN_KEY:
            continue  # yaml_source has reported that null is not allowed
        at = source.at(*path)
        if problem["type"] in _UNKNOWN_KEY or _KEY in problem["loc"]:
            at = source.key_at(*path)
        findings.append(Finding(at, message(problem, model, path, guess=number < _MOST_GUESSES)))
    return findings


def path_of(problem: ErrorDetails) -> Path:
    """Return the path in the data, without the tags that pydantic adds for the forms of an entry."""
    return tuple(step for step in problem["loc"] if step not in (SHORT, LONG, GROUP, _KEY))


def message(problem: ErrorDetails, model: type[Entry | RuleModel], path: Path, *, guess: bool = True) -> str:
    """Return the finding for one validation error; a look-alike character is named.

    `guess`: whether to suggest a key, which is slow for thousands of keys.
    """
    found = odd(_suspect(problem, path))
    text = _message(problem, model, path) if guess or problem["type"] not in _UNKNOWN_KEY else _unknown(path)
    return text + (f"; {found}" if found else "")


def _unknown(path: Path) -> str:
    return f"unknown key {quoted(str(path[-1]))}"


def _suspect(problem: ErrorDetails, path: Path) -> str:
    """Return the text in which a character beyond ASCII may be the error; empty where it may be intended."""
    text, kind_ = problem["input"], problem["type"]
    if kind_ in _UNKNOWN_KEY:
        return str(path[-1])
    if not isinstance(text, str) or kind_ in _NOT_SPELT:
        return ""
    if kind_ == "tuple_type":
        return text[:1]
    pattern = problem.get("ctx", {}).get("pattern")
    return text if pattern is None or pattern in STRICT_FORMS else "".join(text[:1] + text[1:][-1:])


def _message(problem: ErrorDetails, model: type[Entry | RuleModel], path: Path) -> str:
    if path == ("version",) and problem["type"] != "missing":
        return "expected `version: 1`, the only version"
    if problem["type"] in _UNKNOWN_KEY:
        return _unknown_key(str(path[-1]), model, path, _known(problem, model, path))
    if problem["type"] == "literal_error":
        return _unknown_choice(problem)
    if problem["type"] in _EXPECTED:
        return _wrong_type(problem)
    if problem["type"] == "string_pattern_mismatch":
        return FORMS[problem["ctx"]["pattern"]]
    say = _SAY.get(problem["type"])
    return say(problem) if say else "this value is not allowed here"


# Kinds of errors that are not about spelling, or that name the character themselves.
_NOT_SPELT: Final = frozenset({"characters", "missing", "reserved", "string_too_long", "string_too_short"})

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
}

_SAY: Final[dict[str, Callable[[ErrorDetails], str]]] = {
    "missing": lambda problem: f"the key {quoted(str(problem['loc'][-1]))} is missing here",
    "day": lambda problem: problem["msg"],
    "characters": lambda problem: problem["msg"],
    "reserved": lambda problem: problem["msg"],
    "string_too_short": lambda _: "expected text; found an empty one",
    "string_too_long": lambda problem: f"too long: at most {problem['ctx']['max_length']} characters",
    "too_short": lambda _: "expected at least one entry",
    "greater_than_equal": lambda problem: f"expected {problem['ctx']['ge']} or more",
    "less_than_equal": lambda problem: f"expected {problem['ctx']['le']} or less",
}


def _known(problem: ErrorDetails, model: type[Entry | RuleModel], path: Path) -> tuple[str, ...]:
    """Return the keys that the mapping with a problem may have. What has two forms has the keys of its own form."""
    if path[2:3] == ("members_from",):
        return MemberGroup.keys() if GROUP in problem["loc"] else MemberFile.keys()
    return keys_at(model, path[:-1])


def _unknown_key(key: str, model: type[Entry | RuleModel], path: Path, known: tuple[str, ...]) -> str:
    if len(path) == 1 and model is FragmentFile and key in RootFile.model_fields:
        return f"the key {quoted(key)} is allowed in the root file only, the one with the `portal:` block"
    if RENAMED.get(key) in known:
        return f"{_unknown(path)}; write {quoted(RENAMED[key])} instead"
    hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
    return f"{_unknown(path)}{hint}"


def _meant(problem: ErrorDetails, model: type[Entry | RuleModel]) -> Path:
    """Return the path of the key that an unknown one resembles."""
    path = path_of(problem)
    return *path[:-1], close(str(path[-1]), _known(problem, model, path)) or ""


def _unknown_choice(problem: ErrorDetails) -> str:
    choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    value = problem["input"]
    hint = did_you_mean(value, choices) if isinstance(value, str) else f"; found {type_name(value)}"
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
    return f"expected {expected}, found {type_name(found)}{hint}"
