"""The JSON Schema of manifest files, for editors and other validators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue, TypeAdapter

from portalctl.manifest.directory_kinds import NO_KINDS, DirectoryKey, Kinds
from portalctl.manifest.file_models import ExpectationFile, FragmentFile, RootFile

SCHEMA_ID: Final = "urn:portalctl:schema:manifest:v1"

_NULL: Final[JsonValue] = {"type": "null"}
_TEXT: Final[JsonValue] = {"type": "string", "minLength": 1}
_FORMS: Final[Mapping[str, JsonValue]] = {
    "text": _TEXT,
    "texts": {"type": "array", "items": _TEXT, "minItems": 1},
    "flag": {"type": "boolean"},
}


def manifest_schema(kinds: Kinds = NO_KINDS) -> dict[str, JsonValue]:
    """Return the schema (draft 2020-12) of one file (`kinds`: the kinds of directories):

    a root file or a fragment. It accepts everything that `load` accepts. Only `load` checks more than the form of one
    file (public suffixes, undeclared teams, repeated developers)."""
    schema: dict[str, JsonValue] = TypeAdapter(RootFile | FragmentFile).json_schema()
    _describe_kinds(cast(dict[str, Any], schema["$defs"])["DirectoryEntry"], kinds)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "portalctl manifest, version 1",
        "description": "The developers, teams and access rules of a developer portal: a root file, or a fragment "
        "that names its portal.",
        **{key: _tidied(value) for key, value in schema.items()},
    }


def expectations_schema() -> dict[str, JsonValue]:
    """Return the schema (draft 2020-12) of a file of expectations. It accepts everything that the loader accepts."""
    schema: dict[str, JsonValue] = TypeAdapter(ExpectationFile).json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:portalctl:schema:expectations:v1",
        **{key: _tidied(value) for key, value in schema.items()},
        "title": "portalctl expectations, version 1",
    }


def manifest_schema_text(kinds: Kinds) -> str:
    """Return the schema as the contents of a file."""
    return json.dumps(manifest_schema(kinds), indent=2, ensure_ascii=False) + "\n"


def _describe_kinds(entry: dict[str, Any], kinds: Kinds) -> None:
    """Add the keys of each kind to the schema of a `directories` entry."""
    common = tuple(entry["properties"])
    for kind in kinds.values():
        for key in kind.keys:
            entry["properties"].setdefault(key.name, _key_schema(key))
    entry["properties"]["kind"]["enum"] = list(kinds)
    entry["additionalProperties"] = False
    entry["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": name}}},
            "then": {
                "propertyNames": {"enum": [*common, *(key.name for key in kind.keys)]},
                "required": ["name", "kind", *(key.name for key in kind.keys if key.required)],
            },
        }
        for name, kind in kinds.items()
    ]


def _key_schema(key: DirectoryKey) -> dict[str, JsonValue]:
    form = _FORMS.get(key.form, {"type": "string", "enum": list(key.choices)})
    return {**cast(dict[str, JsonValue], form), "description": key.description}


def _tidied(schema: JsonValue) -> JsonValue:
    """Return a schema without noise:

    null (None stands for a key that is not written), defaults of mappings, and titles that repeat a key's name.
    """
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidied: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key == "anyOf" and isinstance(value, list) and _NULL in value:
            tidied |= _one([_tidied(choice) for choice in value if choice != _NULL])
        elif not _idle(key, value):
            tidied[key] = _tidied(value)
    return tidied


def _idle(key: str, value: JsonValue) -> bool:
    return (key == "default" and (value is None or isinstance(value, dict | list))) or (
        key == "title" and isinstance(value, str)
    )


def _one(choices: list[JsonValue]) -> dict[str, JsonValue]:
    only = choices[0]
    return only if len(choices) == 1 and isinstance(only, dict) else {"anyOf": choices}
