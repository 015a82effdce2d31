"""schemathesis makes requests from the vendor's document, good and bad, and judges the simulator's answers by it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from portalctl.simulator.server import Simulator

schemathesis = pytest.importorskip("schemathesis", reason="installed by .ci/run only")
pytestmark = pytest.mark.peer

# Not simulated, because portalctl never calls them; the simulator answers 405.
LEFT_OUT = (
    r"^(create|delete)-portal$|^(create|update)-application(-registration)?$|identity-provider"
    r"|idp-team-group|^update-portal-team-group"
)


def test_answers_are_those_of_the_document() -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

    folder = os.environ.get("PORTALCTL_SPECS")
    if not folder:
        pytest.skip("PORTALCTL_SPECS does not say where the vendor's documents are")
    tried = 0
    with Simulator(seed="demo", log_limit=0) as portal:
        document = schemathesis.openapi.from_path(Path(folder) / "konnect-v3.yaml")
        document.config.update(base_url=f"{portal.url}/v3")
        for result in document.exclude(operation_id_regex=LEFT_OUT).get_all_operations():
            operation = result.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
                def answers(case: Any) -> None:
                    nonlocal tried
                    tried += 1
                    case.call_and_validate(
                        headers={"Authorization": f"Bearer {portal.token}"},
                        checks=[not_a_server_error, response_schema_conformance, content_type_conformance],
                    )

                if mode == GenerationMode.POSITIVE:
                    answers()
                else:  # not every operation has something that can be wrong
                    with contextlib.suppress(schemathesis.errors.SchemathesisError):
                        answers()
    assert tried > 300
