"""Writes the generated parts of the README and the guides: `python -m tests.project.write_docs`."""

from __future__ import annotations

from pathlib import Path

from portalctl.cli.commands import COMMANDS
from portalctl.insight.lint import LINTS, Lint
from portalctl.integrations.pull_request_jobs import SYSTEMS
from portalctl.providers.definition import ABILITIES
from portalctl.providers.registry import BUNDLED, bundled

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "portalctl" / "docs").glob("*.md")))


def capabilities() -> str:
    kinds = bundled()
    rows = [
        ["`provider`", *(f"`{name}`" for name in BUNDLED)],
        ["---"] * (len(BUNDLED) + 1),
        ["portal", *(kind.title for kind in kinds)],
        ["statuses a rule can set", *(", ".join(sorted(kind.statuses)) for kind in kinds)],
        *(
            [words, *("yes" if name in kind.abilities else "–" for kind in kinds)]
            for name, words in ABILITIES.items()
        ),
        ["e-mails to the developer", *("about each decision" if kind.mails else "none" for kind in kinds)],
        ["reports who changed what (`drift`, `explain`)", *("yes" if kind.change_log else "–" for kind in kinds)],
        ["deleting an account (`status: absent`) takes along", *(kind.deletion for kind in kinds)],
    ]
    return _table(rows)


def lints() -> str:
    """Return one section for each code, under a heading that is its anchor."""
    return "\n\n".join(_section(code, kind) for code, kind in LINTS.items())


def _section(code: str, kind: Lint) -> str:
    needs = " Only with `--snapshot`." if kind.needs_snapshot else ""
    return f"## {code}\n\n**{kind.name}**: {kind.about}.{needs}\n\nWhy: {kind.why}.\n\nFix: {kind.remedy}."


def commands() -> str:
    rows = [["command", "purpose"], ["---"] * 2]
    return _table([*rows, *([f"`portalctl {name}`", purpose] for name, purpose in COMMANDS.items())])


def ci_systems() -> str:
    rows = [["CI system", "a job is one for a pull request where"], ["---"] * 2]
    for system in SYSTEMS:
        signs = [_sign(name, values) for name, values in system.signs.items()]
        rows.append([f"[{system.name}]({system.documentation})", "<br>".join(signs)])
    return _table(rows)


def _sign(name: str, values: tuple[str, ...]) -> str:
    listed = " or ".join(f"`{value}`" for value in values)
    return f"`{name}` is set" if values == ("*",) else f"`{name}` is {listed}"


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


PARTS = {"capabilities": capabilities, "lints": lints, "commands": commands, "ci-systems": ci_systems}


def with_generated_parts(text: str) -> str:
    """Return a document with the text between the marks of each generated part brought up to date."""
    for name, table in (
        ("capabilities", capabilities),
        ("lints", lints),
        ("commands", commands),
        ("ci-systems", ci_systems),
    ):
        begin, end = f"<!-- {name}: written by tests/project/write_docs.py -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(with_generated_parts(document.read_text(encoding="utf-8")), encoding="utf-8")
