"""Write `schemas/` from the models: `python -m tests.project.write_schemas`."""

from __future__ import annotations

import json
from pathlib import Path

from portalctl.changes.plan_document import plan_schema
from portalctl.manifest.schema import manifest_schema
from portalctl.output.apply_report import report_schema
from portalctl.portals.snapshot_file import snapshot_schema

FOLDER = Path(__file__).parents[2] / "schemas"

for name, schema in (
    ("manifest.v1", manifest_schema()),
    ("plan.v1", plan_schema()),
    ("report.v1", report_schema()),
    ("snapshot.v1", snapshot_schema()),
):
    (FOLDER / f"{name}.schema.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
