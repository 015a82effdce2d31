"""Writes the generated tables into the README and the guides: `python -m tests.project.write_readme`."""

from __future__ import annotations

from pathlib import Path

from portalctl.insight.lint import LINTS
from portalctl.integrations.pull_request_jobs import SYSTEMS
from portalctl.providers.definition import ABILITIES
from portalctl.providers.registry import BUNDLED, bundled

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PULL_REQUESTS = ROOT / "portalctl" / "docs" / "pull-requests.md"


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
        ["deleting an account (`status: absent`) takes along", *(kind.deletion for kind in kinds)],
    ]
    return _table(rows)


def lints() -> str:
    rows = [["code", "what it finds", "why that matters", "what to do"], ["---"] * 4]
    for code, item in LINTS.items():
        about = f"{item.about} (`--snapshot`)" if item.needs_snapshot else item.about
        rows.append([f"`{code}` {item.name}", about, item.why, item.remedy])
    return _table(rows)


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


def with_table(text: str) -> str:
    """Return a document with what stands between the marks of each table brought up to date."""
    for name, table in (("capabilities", capabilities), ("lints", lints), ("ci-systems", ci_systems)):
        begin, end = f"<!-- {name}: written by tests/project/write_readme.py -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    for path in (README, PULL_REQUESTS):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
