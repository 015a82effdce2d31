"""`portalctl schema`: the JSON Schemas that are published."""

from __future__ import annotations

import json

import click

from portalctl.output.forms import FORMS

KINDS = ("manifest", "expectations", *FORMS)


@click.command()
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
def schema(kind: str) -> None:
    """Print the JSON Schema of manifest files, or of a document that portalctl writes, for editors and validators.

    KIND is manifest, expectations, plan, report, snapshot, drift, explanation, access, ping, validation, test,
    portals, live_portals, directories, history or evidence.

    \b
    Examples:
      portalctl schema manifest > manifest.v1.schema.json
      portalctl schema plan
    """
    click.echo(json.dumps(schema_of(kind), indent=2))


def schema_of(kind: str) -> object:
    """Return the published JSON Schema of a kind of document."""
    if kind == "manifest":
        from portalctl.directories.kinds import KINDS as DIRECTORY_KINDS
        from portalctl.manifest.schema import manifest_schema

        return manifest_schema(DIRECTORY_KINDS)
    if kind == "expectations":
        from portalctl.manifest.schema import expectations_schema

        return expectations_schema()
    from portalctl.output import documents

    return documents.schema(kind)
