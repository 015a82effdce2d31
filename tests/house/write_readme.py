"""Writes the table of capabilities into the README: `python -m tests.house.write_readme`."""

from __future__ import annotations

from pathlib import Path

from portalctl.portal.capabilities import ABILITIES, CAPABILITIES

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- capabilities: written by tests/house/write_readme.py -->", "<!-- end of capabilities -->"


def table() -> str:
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
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_table(readme: str) -> str:
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
