"""One module starts programs, and the one program is git."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "portalctl"
MODULES = {"subprocess", "multiprocessing", "pty", "webbrowser", "popen2", "_posixsubprocess"}
CALLS = {
    *("system", "popen", "fork", "forkpty", "startfile", "posix_spawn", "posix_spawnp", "create_subprocess_exec"),
    *("create_subprocess_shell", "subprocess_exec", "subprocess_shell", "ProcessPoolExecutor"),
    *("echo_via_pager", "edit", "launch"),  # of click: a pager, an editor, a viewer
    *(f"{kind}{form}" for kind in ("exec", "spawn") for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
}
WORDS = {*MODULES, *CALLS - {"edit", "launch", "fork"}, ".edit", ".launch", ".fork"}


def starts(tree: ast.AST) -> Iterator[str]:
    """What in a module can start a program."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (module for _ in names if module.partition(".")[0] in MODULES)
                yield from (name.name for name in names if name.name in CALLS)
            case ast.Attribute(value=ast.Name(id="os" | "asyncio" | "click" | "loop"), attr=attr) if attr in CALLS:
                yield attr


@pytest.mark.slow
def test_only_one_module_starts_programs() -> None:
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        if any(word in text for word in WORDS) and (names := set(starts(ast.parse(text)))):
            found[path.relative_to(ROOT).as_posix()] = names
    # The pager of `docs` is the user's own, on their terminal only.
    assert found == {"git/program.py": {"subprocess"}, "cli/docs.py": {"echo_via_pager"}}


def test_what_it_would_find() -> None:
    text = (
        "import subprocess as s\nfrom os import execv\nimport os\nos.system('x')\nimport click\nclick.launch('x')\n"
    )
    assert sorted(starts(ast.parse(text))) == ["execv", "launch", "subprocess", "system"]
