"""Writes the tables of capabilities and of lint codes into the README: `python -m tests.house.write_readme`."""

from __future__ import annotations

from pathlib import Path

from portalctl.plan.lint import LINTS
from portalctl.portal.capabilities import ABILITIES, CAPABILITIES

README = Path(__file__).parents[2] / "README.md"


def capabilities() -> str:
    kinds = CAPABILITIES.values()
    rows = [
        ["`provider`", *(f"`{name}`" for name in CAPABILITIES)],
        ["---"] * (len(CAPABILITIES) + 1),
        ["portal", *(kind.title for kind in kinds)],
        ["statuses a rule can set", *(", ".join(sorted(kind.statuses)) for kind in kinds)],
        *(
            [words, *("yes" if name in kind.abilities else "–" for kind in kinds)]
            for name, words in ABILITIES.items()
        ),
        ["deleting an account (`status: absent`) takes along", *(kind.deletion for kind in kinds)],
    ]
    return _table(rows)


def lints() -> str:
    rows = [["code", "what it finds", "why that matters", "what to do"], ["---"] * 4]
    for code, each in LINTS.items():
        about = f"{each.about} (`--snapshot`)" if each.needs_snapshot else each.about
        rows.append([f"`{code}` {each.name}", about, each.why, each.remedy])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_table(readme: str) -> str:
    """With what stands between the marks of each table brought up to date."""
    for name, table in (("capabilities", capabilities), ("lints", lints)):
        begin, end = f"<!-- {name}: written by tests/house/write_readme.py -->", f"<!-- end of {name} -->"
        before, _, rest = readme.partition(begin)
        readme = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return readme


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
