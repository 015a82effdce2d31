"""`portalctl docs`: the guides, as they are shipped with portalctl."""

from __future__ import annotations

from importlib.resources import files

import click

from portalctl.cli.console import show, style_for
from portalctl.errors import BadUsageError
from portalctl.words import did_you_mean

SUFFIX = ".md"


@click.command()
@click.argument("topic", required=False)
def docs(topic: str | None) -> None:
    """Show the guide on TOPIC, or list the guides.

    A guide is Markdown, and reads as plain text.

    \b
    Examples:
      portalctl docs
      portalctl docs proxies
    """
    import sys

    guides = _guides()
    if topic is not None and topic not in guides:
        names = tuple(guides)
        raise BadUsageError(f"no guide {topic!r}{did_you_mean(topic, names)}", f"Guides: {', '.join(names)}")
    show(guides[topic] if topic is not None else _listed(guides), style_for(sys.stdout))


def _guides() -> dict[str, str]:
    """Return the text of each guide by its name, in alphabetical order."""
    folder = files("portalctl") / "docs"
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)), key=lambda entry: entry.name
    )
    return {entry.name.removesuffix(SUFFIX): entry.read_text(encoding="utf-8") for entry in entries}


def _listed(guides: dict[str, str]) -> str:
    width = max(map(len, guides))
    return "".join(f"{name:{width}}  {_title(text)}\n" for name, text in guides.items())


def _title(text: str) -> str:
    """Return the first heading."""
    return text.partition("\n")[0].lstrip("# ")
