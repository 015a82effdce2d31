from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from portalctl.cli.schema import KINDS
from tests.conftest import portalctl

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["manifest", "plan", "report", "snapshot"])
def test_it_prints_what_is_published(kind: str, offline: None) -> None:  # noqa: ARG001
    done = portalctl("schema", kind)
    assert (done.code, done.err) == (0, "")
    assert done.out == (SCHEMAS / f"{kind}.v1.schema.json").read_text()
    assert done.json["$id"] == f"urn:portalctl:schema:{kind}:v1"
    Draft202012Validator.check_schema(done.json)


def test_an_unknown_kind_is_wrong_usage() -> None:
    done = portalctl("schema", "manifests")
    assert done.code == 64
    assert "'manifest', 'expectations', 'plan', 'report'" in done.err


def test_it_imports_no_models_before_they_are_used() -> None:
    """Only the schema that is printed needs its models."""
    tree = ast.parse((ROOT / "portalctl" / "cli" / "schema.py").read_text())
    modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert modules == ["__future__", "portalctl.output.forms"]


def test_every_example_tells_editors_where_its_schema_is() -> None:
    examples = sorted(path for name in ("quickstart", "api7") for path in (ROOT / "examples" / name).rglob("*.yaml"))
    assert examples
    for example in examples:
        line = re.match(r"# yaml-language-server: \$schema=(\S+)\n", example.read_text())
        assert line is not None, example
        assert (example.parent / line[1]).resolve() == SCHEMAS / "manifest.v1.schema.json"


def test_the_help_names_every_kind() -> None:
    assert all(kind in portalctl("schema", "--help").out for kind in KINDS)
