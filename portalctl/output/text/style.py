"""How text looks: two signs and two colours, and the same said without them. Nothing here is ever shortened."""

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
    """`width` in columns; `color` whether escape codes may be written; `verbose` shows like changes one by one."""

    width: int = 80
    color: bool = False
    verbose: bool = False

    def sign(self, sign: str) -> str:
        return click.style(sign, fg=COLORS[sign]) if self.color and sign in COLORS else sign

    def strong(self, text: str) -> str:
        return click.style(text, bold=True) if self.color else text


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a sign, who, what happens to them and the rules behind it."""

    sign: str
    who: str
    what: str
    why: str = ""


def rows(lines: Sequence[Line], style: Style, indent: str = "  ") -> list[str]:
    """The lines in columns where all of them fit the width, else below the rule they share, named once.

    Below a rule stand its own lines only: those that have none stand below `no rule`.
    """
    who = max((len(line.who) for line in lines), default=0)
    what = max((len(line.what) for line in lines), default=0)
    why = max((len(line.why) for line in lines), default=0)
    if len(indent) + 2 + who + 2 + what + 2 + why <= style.width:
        return [
            f"{indent}{style.sign(line.sign)} {line.who:<{who}}  {line.what:<{what}}  {line.why}".rstrip()
            for line in lines
        ]
    if len(indent) + 4 + who + 2 + what > style.width:
        who = 0
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.why, []).append(line)
    return [
        text
        for why_text, group in groups.items()
        for text in (
            *([f"{indent}  {why_text or 'no rule'}"] if any(groups) else []),
            *(f"{indent}  {style.sign(line.sign)} {line.who:<{who}}  {line.what}".rstrip() for line in group),
        )
    ]


def place(why: Reason) -> str:
    """Where a rule stands: file:line, or that it is the built-in default."""
    return terminal(view_model.place(why) or "built-in default")


def said(why: Reason) -> str:
    """The rule in words, with its place: `portals/x.yaml:14 trusted domain liverpoolfc.com`."""
    reason = f': "{terminal(why.reason)}"' if why.reason else ""
    return f"{place(why)}  {view_model.rule(why, terminal)}{reason}"


def joined(parts: Iterable[str]) -> str:
    return "\n".join(parts).rstrip("\n") + "\n"
