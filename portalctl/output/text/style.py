"""How text looks: signs, colours and columns. The words say the same without them, and no name is shortened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from portalctl.output import view_model
from portalctl.output.escaping import terminal
from portalctl.reason import Reason

COLORS = {"+": "green", "-": "red", "✓": "green", "✗": "red"}


@dataclass(frozen=True, slots=True)
class Style:
    """`width` in columns; `color`: whether escape codes may be written; `verbose`: list everything, fold nothing."""

    width: int = 80
    color: bool = False
    verbose: bool = False

    def sign(self, sign: str) -> str:
        return click.style(sign, fg=COLORS[sign]) if self.color and sign in COLORS else sign

    def strong(self, text: str) -> str:
        return click.style(text, bold=True) if self.color else text


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a sign, the developer or team, what happens, and the rule it stands below."""

    sign: str
    who: str
    what: str
    why: str = ""


def rows(lines: Sequence[Line], style: Style, indent: str = "  ") -> list[str]:
    """Return the rows below their rules, in the order given; those without a rule below `no rule`.

    The first column is as wide as the longest name that leaves half of the width to the second. A longer name is
    never shortened: only its own row is out of line.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.why, []).append(line)
    most = style.width // 2
    width = max((len(line.who) for line in lines if len(line.who) <= most), default=0)
    return [
        text
        for why, group in groups.items()
        for text in (
            *([f"{indent}  {why or 'no rule'}"] if any(groups) else []),
            *(f"{indent}  {style.sign(line.sign)} {line.who:<{width}}  {line.what}".rstrip() for line in group),
        )
    ]


def place(why: Reason) -> str:
    """Return where a rule is written: file:line, or `built-in default`."""
    return terminal(view_model.place(why) or "built-in default")


def said(why: Reason) -> str:
    """Return the place and words of a rule: `portals/x.yaml:14  trusted domain liverpoolfc.com`."""
    reason = f': "{terminal(why.reason)}"' if why.reason else ""
    return f"{place(why)}  {view_model.rule(why, terminal)}{reason}"


def rules_words(whys: Iterable[Reason]) -> str:
    """Return the places and words of all rules behind a change, a line each."""
    return "\n    and ".join(map(said, whys))


def joined(parts: Iterable[str]) -> str:
    """Return lines as one text that ends with a line break."""
    return "\n".join(parts).rstrip("\n") + "\n"
