"""`portalctl docs`: show the guides that are part of portalctl."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.resources import files

import click

from portalctl.cli.console import show, style_for
from portalctl.errors import BadUsageError
from portalctl.words import did_you_mean, quoted

SUFFIX = ".md"
LONGEST_LINE = 110
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
_HEADING = re.compile(r"(#+) (.*)")


@click.command()
@click.argument("topic", required=False)
def docs(topic: str | None) -> None:
    """Show the guide TOPIC or one of its sections; without TOPIC, list the guides.

    On a terminal, guides are formatted and shown in a pager; elsewhere they are Markdown.

    \b
    Examples:
      portalctl docs
      portalctl docs runbook
      portalctl docs findings#PC006
    """
    guides = _guides()
    if topic is None:
        show(_listed(guides), style_for(sys.stdout))
        return
    name, _, anchor = topic.partition("#")
    if name not in guides:
        names = tuple(guides)
        raise BadUsageError(
            f"{quoted(name)}: no guide has this name{did_you_mean(name, names)}", f"Guides: {', '.join(names)}"
        )
    text = _section(name, guides[name], anchor) if anchor else guides[name]
    if sys.stdout.isatty():
        click.echo_via_pager(_formatted(text))
    else:
        show(text, style_for(sys.stdout))


def _guides() -> dict[str, str]:
    """Return the text of each guide by its name, in alphabetical order, without comments."""
    folder = files("portalctl") / "docs"
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)), key=lambda entry: entry.name
    )
    return {entry.name.removesuffix(SUFFIX): _COMMENT.sub("", entry.read_text(encoding="utf-8")) for entry in entries}


def _listed(guides: dict[str, str]) -> str:
    width = max(map(len, guides))
    titles = ((name, text.partition("\n")[0].lstrip("# ")) for name, text in guides.items())
    return "".join(f"{name:{width}}  {title}\n" for name, title in titles)


def _section(guide: str, text: str, anchor: str) -> str:
    """Return the section with this anchor and those below it.

    Raises:
        BadUsageError: the guide has no such section.
    """
    lines = text.splitlines(keepends=True)
    headings = list(_headings(lines))
    for start, level, name in headings:
        if name == anchor.lower():
            end = next((at for at, other, _ in headings if at > start and other <= level), len(lines))
            return "".join(lines[start:end]).rstrip() + "\n"
    names = tuple(name for _, _, name in headings)
    raise BadUsageError(f"{quoted(anchor)}: the guide {guide} has no such section{did_you_mean(anchor, names)}")


def _headings(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the index, level and anchor (as GitHub makes it) of each heading outside code blocks."""
    in_block = False
    for index, line in enumerate(lines):
        in_block ^= line.startswith("```")
        heading = None if in_block else _HEADING.match(line)
        if heading is not None:
            anchor = re.sub(r"[^a-z0-9 -]", "", heading[2].lower()).replace(" ", "-")
            yield index, len(heading[1]), anchor


def _formatted(text: str) -> str:
    """Return Markdown formatted for the terminal's width and colours."""
    from rich.console import Console
    from rich.markdown import Markdown

    style = style_for(sys.stdout)
    console = Console(width=min(style.width, LONGEST_LINE), force_terminal=True, no_color=not style.color)
    with console.capture() as captured:
        console.print(Markdown(text, hyperlinks=False, code_theme="default"))
    return captured.get()
