"""Which package may import which, and published schemas that equal those of the models."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from portalctl.cli.schema import KINDS, schema_of

ROOT = Path(__file__).parents[2]


def test_import_rules_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_published_schemas_are_those_of_the_models(kind: str) -> None:
    """To bring them up to date: `python -m tests.project.write_schemas`."""
    assert json.loads((ROOT / "schemas" / f"{kind}.v1.schema.json").read_text()) == schema_of(kind)


def test_init_files_are_empty_or_only_re_export() -> None:
    for path in (ROOT / "portalctl").rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        documented = bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        assert _only_imports(body[1:] if documented else body), path


def _only_imports(body: list[ast.stmt]) -> bool:
    """Return whether all statements are imports, some of them for type checkers alone."""
    return all(
        isinstance(node, ast.ImportFrom)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and _only_imports(node.body))
        for node in body
    )


def test_the_contributors_guide_names_every_package() -> None:
    guide = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`portalctl/([a-z]+)/`", guide))
    assert named == {path.parent.name for path in (ROOT / "portalctl").glob("*/__init__.py")}
    assert all((ROOT / path).is_file() for path in re.findall(r"`(portalctl/[\w/]+\.py)`", guide))
