"""The manifests under `examples/`: right, without findings, in canonical form; and one has every key there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portalctl.directories.kinds import KINDS
from portalctl.manifest.schema import manifest_schema
from portalctl.manifest.yaml_source import read
from tests.conftest import portalctl

EXAMPLES = Path(__file__).parents[2] / "examples"
COMPLETE = EXAMPLES / "complete"
IN_COMMENTS = {"title", "portals"}  # each stands for another key, and cannot be beside it


@pytest.mark.parametrize("name", ["quickstart", "api7", "complete"])
def test_an_example_is_as_a_manifest_should_be(name: str) -> None:
    done = portalctl("validate", "-f", str(EXAMPLES / name), "-o", "json")
    assert done.code == 0, done.err
    assert done.json["findings"] == []
    assert portalctl("fmt", "--check", "-f", str(EXAMPLES / name)).code == 0


def test_the_complete_example_has_every_key() -> None:
    written = {key for path in COMPLETE.rglob("[!.]*.yaml") for key in keys(data(path))}
    assert written == set(properties(manifest_schema(KINDS))) - IN_COMMENTS
    text = "".join(path.read_text(encoding="utf-8") for path in COMPLETE.rglob("*.yaml"))
    assert all(f"`{key}: " in text for key in IN_COMMENTS)


def data(path: Path) -> object:
    source, findings = read(str(path), path.read_bytes())
    assert source is not None, findings
    return source.data


def keys(value: object) -> Iterator[str]:
    """The keys of mappings, without those that are names of the user's own."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from () if key.endswith(".yaml") else (key,)
            yield from () if key == "map" else keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def properties(schema: object) -> Iterator[str]:
    """The names of all properties that a JSON Schema describes."""
    if isinstance(schema, dict):
        for key, item in schema.items():
            yield from item if key == "properties" and isinstance(item, dict) else ()
            yield from properties(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from properties(item)
