"""Write `schemas/` from the models: `python -m tests.project.write_schemas`."""

from __future__ import annotations

import json
from pathlib import Path

from portalctl.cli.schema import KINDS, schema_of

FOLDER = Path(__file__).parents[2] / "schemas"

for kind in KINDS:
    text = json.dumps(schema_of(kind), indent=2) + "\n"
    (FOLDER / f"{kind}.v1.schema.json").write_text(text, encoding="utf-8")
