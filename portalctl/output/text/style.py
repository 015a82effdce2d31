"""The layout of text: signs, colours and columns. The text is complete without them, and no name is shortened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click

from portalctl.changes.submitted_forms import SubmittedForm
from portalctl.output import view_model
from portalctl.output.escaping import terminal
from portalctl.reason import Reason

COLORS = {"+": "green", "-": "red", "✓": "green", "✗": "red"}


@dataclass(frozen=True, slots=True)
class Style:
    """Options of the text form: its `width` in columns; `color`: use escape codes; `verbose`: list all rows."""

    width: int = 80
    color: bool = False
    verbose: bool = False

    def sign(self, sign: str) -> str:
        """Return a sign in its colour."""
        return click.style(sign, fg=COLORS[sign]) if self.color and sign in COLORS else sign

    def strong(self, text: str) -> str:
        """Return text in bold."""
        return click.style(text, bold=True) if self.color else text


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a sign, the developer or team, the change or state, and the rule under which it is grouped."""

    sign: str
    subject: str
    words: str
    why: str = ""


def rows(lines: Sequence[Line], style: Style, indent: str = "  ") -> list[str]:
    """Return the rows under their rules, in the order of `lines`; those without a rule under `no rule`.

    The first column is as wide as the longest name of at most half the width. A longer name is not shortened; it only
    moves the second column of its own row.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.why, []).append(line)
    most = style.width // 2
    width = max((len(line.subject) for line in lines if len(line.subject) <= most), default=0)
    return [
        text
        for why, group in groups.items()
        for text in (
            *([f"{indent}  {why or 'no rule'}"] if any(groups) else []),
            *(f"{indent}  {style.sign(line.sign)} {line.subject:<{width}}  {line.words}".rstrip() for line in group),
        )
    ]


def place(why: Reason) -> str:
    """Return the position of a rule: `file:line`, or `built-in default`."""
    return terminal(view_model.place(why) or "built-in default")


def rule_words(why: Reason) -> str:
    """Return the position and the words of a rule: `portals/x.yaml:14  trusted domain liverpoolfc.com`."""
    reason = f': "{terminal(why.reason)}"' if why.reason else ""
    return f"{place(why)}  {view_model.rule(why, terminal)}{reason}"


def rule_lines(whys: Iterable[Reason]) -> str:
    """Return the positions and words of all rules behind a change, a line each."""
    return "\n    and ".join(map(rule_words, whys))


def joined(parts: Iterable[str]) -> str:
    """Return lines as one text that ends with a line break."""
    return "\n".join(parts).rstrip("\n") + "\n"


def form_lines(forms: Sequence[SubmittedForm], style: Style) -> Iterator[str]:
    """Yield a line for each submitted form, at most MOST_SUBMITTED unless `verbose`."""
    shown = forms if style.verbose else forms[: view_model.MOST_SUBMITTED]
    yield from (f"    {terminal(form.developer.name)}  {view_model.form_words(form, terminal)}" for form in shown)
    if len(shown) < len(forms):
        yield f"    {len(forms) - len(shown):,} more  (--verbose lists them)"
