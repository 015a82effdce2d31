"""`-W CODE=LEVEL`: the level of each kind of lint finding."""

from __future__ import annotations

import click

from portalctl.insight.lint import LEVELS, LINTS, Level, Levels, Lint
from portalctl.words import did_you_mean


def _read(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Levels:
    return Levels(dict(_one(ctx, param, value) for value in values))


def _one(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, Level]:
    code, _, word = value.partition("=")
    if code not in LINTS:
        hint = did_you_mean(code, tuple(LINTS))
        raise click.BadParameter(
            f"{code!r} is not a code; expected one of {', '.join(LINTS)}{hint}", ctx=ctx, param=param
        )
    level = next((level for level in LEVELS if level == word), None)
    if level is None:
        hint = did_you_mean(word, LEVELS)
        raise click.BadParameter(
            f"{value!r} is not valid; expected {code}={'|'.join(LEVELS)}{hint}", ctx=ctx, param=param
        )
    return code, level


lint_option = click.option(
    "-W",
    "levels",
    multiple=True,
    callback=_read,
    shell_complete=lambda ctx, param, incomplete: [  # noqa: ARG005 (click's)
        f"{code}={level}" for code in LINTS for level in LEVELS if f"{code}={level}".startswith(incomplete)
    ],
    metavar="CODE=LEVEL",
    help=f"The level of a code: {', '.join(LEVELS)}. Repeatable; the last one counts.  [default: warning]",
)


def lints_help() -> str:
    """Return the codes with their meanings and remedies, for a command's help."""
    lines = (
        line for code, lint in LINTS.items() for line in (f"  {code}  {_about(lint)}", f"         {lint.remedy}")
    )
    return "\n".join(["\b", "Codes, and what to do:", *lines])


def _about(lint: Lint) -> str:
    return f"{lint.about} (with --snapshot)" if lint.needs_snapshot else lint.about
