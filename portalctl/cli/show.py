"""`portalctl show`: print a document that portalctl wrote, in any of its forms."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from portalctl.changes.plan import Plan
from portalctl.changes.plan_document import digest_of
from portalctl.cli.ci_files import job_links
from portalctl.cli.console import show as print_result
from portalctl.cli.console import style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.session import read_file
from portalctl.output.documents import LINKED, read, render


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@form_option(None)
@mask_option
def show(*, file: Path, output: str) -> None:
    """Show a saved plan, report, snapshot, drift or any other JSON document of portalctl. Contacts no portal.

    \b
    Examples:
      portalctl show plan.json
      portalctl show plan.json -o markdown
    """
    document = read(read_file(file, "document"), str(file))
    if isinstance(document, Plan) and _is_edited(document):
        click.echo(
            "warning: the plan was edited: its digest does not match its content, so it cannot be applied", err=True
        )
    style = style_for(sys.stdout)
    links = job_links() if output in LINKED else None
    print_result(render(shown(document), output, style, links), style)


def _is_edited(plan: Plan) -> bool:
    """Return whether a plan was edited after it was written. A masked plan has no digest to compare."""
    return plan.digest is not None and not plan.digest.startswith("masked:") and plan.digest != digest_of(plan)
