"""The script for PowerShell is PowerShell: by its grammar, since there is no engine to run it in.

`pip install tree-sitter tree-sitter-powershell`.
"""

from __future__ import annotations

import pytest

from tests.conftest import portalctl

pytestmark = pytest.mark.peer
tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter is not here")
grammar = pytest.importorskip("tree_sitter_powershell", reason="tree-sitter-powershell is not here")


def has_errors(script: str) -> bool:
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    return bool(parser.parse(script.encode()).root_node.has_error)


def test_the_script_that_completes_command_lines() -> None:
    script = portalctl("completion", "powershell").out
    assert not has_errors(script)
    for sign in "{}()":
        assert has_errors(script.replace(sign, "", 1)), sign
