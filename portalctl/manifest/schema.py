"""The JSON Schema of manifest files, for editors and other validators."""

from __future__ import annotations

import json
from typing import Final

from pydantic import JsonValue, TypeAdapter

from portalctl.manifest.file_models import FragmentFile, RootFile

SCHEMA_ID: Final = "urn:portalctl:schema:manifest:v1"

_NULL: Final[JsonValue] = {"type": "null"}


def manifest_schema() -> dict[str, JsonValue]:
    """Return the schema (draft 2020-12) of one file:

    a root file or a fragment. It accepts everything that `load` accepts. Only `load` checks more than the form of one
    file (public suffixes, undeclared teams, repeated developers)."""
    schema: dict[str, JsonValue] = TypeAdapter(RootFile | FragmentFile).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "portalctl manifest, version 1",
        "description": "The developers, teams and access rules of a developer portal: a root file, or a fragment "
        "that names its portal.",
        **{key: _tidied(value) for key, value in schema.items()},
    }


def manifest_schema_text() -> str:
    """Return the schema as the contents of a file."""
    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"


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
