"""`portalctl schema`: the JSON Schemas that are published."""

from __future__ import annotations

import json

import click

KINDS = ("manifest", "plan", "report", "snapshot")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
def schema(kind: str) -> None:
    """Print the JSON Schema of manifest files, saved plans, reports or snapshots, for editors and other validators.

    \b
    Examples:
      portalctl schema manifest > manifest.v1.schema.json
      portalctl schema plan
    """
    click.echo(json.dumps(_schema(kind), indent=2))


def _schema(kind: str) -> object:
    if kind == "manifest":
        from portalctl.manifest.schema import manifest_schema

        return manifest_schema()
    if kind == "plan":
        from portalctl.changes.plan_document import plan_schema

        return plan_schema()
    if kind == "snapshot":
        from portalctl.portals.snapshot_file import snapshot_schema

        return snapshot_schema()
    from portalctl.output.apply_report import report_schema

    return report_schema()
