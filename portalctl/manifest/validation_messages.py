"""Pydantic's validation errors → findings in plain words, each at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pydantic_core import ErrorDetails

from portalctl.characters import odd
from portalctl.errors import Finding
from portalctl.ids import HANDLE
from portalctl.manifest.file_models import Entry, FragmentFile, RootFile, keys_at
from portalctl.manifest.group_rules import MemberGroup
from portalctl.manifest.model import GROUP, MemberFile
from portalctl.manifest.rule_model import LONG, SHORT, RuleModel
from portalctl.manifest.value_display import shown_value, type_name
from portalctl.manifest.value_formats import FORMS, HANDLE_FORM, STRICT_FORMS
from portalctl.manifest.yaml_source import YamlSource
from portalctl.words import close, did_you_mean, quoted

Path = tuple[str | int, ...]

#: Keys of other tools and older manifests that do not resemble ours, and our key.
RENAMED: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("until", "valid_until", "valid_to", "end", "end_date", "expiry", "expiration"), ("expires",)),
    **dict.fromkeys(("email", "e_mail", "e-mail", "mail", "address", "user", "username", "login"), ("developer",)),
    "group": ("groups", "teams", "name"),
    "team": ("teams", "name"),
    **dict.fromkeys(("groups", "memberships"), ("teams",)),
    **dict.fromkeys(("users", "people", "emails"), ("members", "overrides")),
    **dict.fromkeys(("developers",), ("members", "overrides")),
    **dict.fromkeys(("exceptions", "exclusions"), ("overrides",)),
    **dict.fromkeys(("state", "decision", "action"), ("status", "is")),
    **dict.fromkeys(("status", "expect", "expected", "verdict"), ("is",)),
    **dict.fromkeys(("day", "date", "when", "today"), ("on",)),
    **dict.fromkeys(("tests", "cases"), ("expectations",)),
    **dict.fromkeys(("comment", "note", "notes", "why", "justification", "description"), ("reason",)),
    **dict.fromkeys(
        ("domains", "allowed_domains", "approved_domains", "allowlist", "whitelist"), ("trusted_domains",)
    ),
    **dict.fromkeys(("blocked_domains", "blocklist", "denylist", "blacklist"), ("denied_domains",)),
    **dict.fromkeys(("file", "files", "csv", "members_file", "member_file"), ("members_from",)),
    **dict.fromkeys(("subdomain", "include_subdomains", "wildcard"), ("subdomains",)),
    **dict.fromkeys(("max", "maximum", "max_removals"), ("removals",)),
    **dict.fromkeys(("review", "review_date", "reviewed_until"), ("review_by",)),
    **dict.fromkeys(("url", "server", "host", "token", "api_key", "secret"), ()),
}

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
        return f"expected `version: 1`, the only version; found {_found(problem['input'])}"
    if problem["type"] in _UNKNOWN_KEY:
        return _unknown_key(str(path[-1]), model, path, _known(problem, model, path))
    if problem["type"] == "literal_error":
        return _unknown_choice(problem)
    if problem["type"] in _EXPECTED:
        return _wrong_type(problem)
    if problem["type"] == "string_pattern_mismatch":
        return f"{shown_value(problem['input'])}: {FORMS[problem['ctx']['pattern']]}{_as_handle(problem)}"
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
    "day": lambda problem: f"{shown_value(str(problem['input']))}: {problem['msg']}",
    "characters": lambda problem: problem["msg"],
    "reserved": lambda problem: problem["msg"],
    "string_too_short": lambda _: "expected text; found an empty one",
    "string_too_long": lambda problem: f"too long: at most {problem['ctx']['max_length']} characters",
    "too_short": lambda _: "expected at least one entry",
    "greater_than_equal": lambda problem: f"{problem['input']}: expected {problem['ctx']['ge']} or more",
    "less_than_equal": lambda problem: f"{problem['input']}: expected {problem['ctx']['le']} or less",
}


def _known(problem: ErrorDetails, model: type[Entry | RuleModel], path: Path) -> tuple[str, ...]:
    """Return the keys that the mapping with a problem may have. What has two forms has the keys of its own form."""
    if path[2:3] == ("members_from",):
        return MemberGroup.keys() if GROUP in problem["loc"] else MemberFile.keys()
    return keys_at(model, path[:-1])


def _unknown_key(key: str, model: type[Entry | RuleModel], path: Path, known: tuple[str, ...]) -> str:
    if len(path) == 1 and model is FragmentFile and key in RootFile.model_fields:
        return f"the key {quoted(key)} is allowed in the root file only, the one with the `portal:` block"
    meant = _renamed(key, known)
    if meant is not None:
        return f"{_unknown(path)}; write {quoted(meant)} instead"
    hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
    return f"{_unknown(path)}{hint}"


def _renamed(key: str, known: tuple[str, ...]) -> str | None:
    """Return the key of this mapping that another tool's or manifest's key stands for."""
    return next((meant for meant in RENAMED.get(key.lower(), ()) if meant in known), None)


def _meant(problem: ErrorDetails, model: type[Entry | RuleModel]) -> Path:
    """Return the path of the key that an unknown one resembles."""
    path = path_of(problem)
    key, known = str(path[-1]), _known(problem, model, path)
    return *path[:-1], _renamed(key, known) or close(key, known) or ""


def _unknown_choice(problem: ErrorDetails) -> str:
    choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    value = problem["input"]
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
    if not isinstance(value, str):
        return f"expected {listed}; found {_found(value)}"
    return f"{shown_value(value)}: expected {listed}{did_you_mean(value, choices)}"


def _as_handle(problem: ErrorDetails) -> str:
    """Return the suggestion for a short name in another spelling: `partners-eu` for `Partners_EU`."""
    handle = re.sub(r"[^a-z0-9]+", "-", problem["input"][:60].lower()).strip("-")
    is_one = problem["ctx"]["pattern"] == HANDLE_FORM and HANDLE.fullmatch(handle)
    return f"; did you mean {quoted(handle)}?" if is_one else ""


def _found(value: object) -> str:
    """Return the type of a value in words, and a short value too."""
    if isinstance(value, str):
        return f"text ({shown_value(value)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"a number ({value})" if isinstance(value, int | float) else type_name(value)


def _wrong_type(problem: ErrorDetails) -> str:
    expected, found = _EXPECTED[problem["type"]], problem["input"]
    hint = ""
    if expected == "a whole number" and isinstance(found, float):
        return f"{found}: expected {expected}, in digits only"
    if expected == "text":
        hint = "; put it in quotes" if isinstance(found, bool | int | float) else ""
        expected = "text or a mapping" if problem["loc"][-1] == SHORT else expected
    elif expected == "a list" and isinstance(found, str):
        hint = "; for one entry write [entry]"
    return f"expected {expected}, found {_found(found)}{hint}"
