"""Random manifests, portals, meddling hands and faults, through the command line against the simulator.

Whatever goes wrong on the way, nothing is sent that was not planned, no exit code and no report says what is not so,
and once things go well again, one more run makes all of it so and the next has nothing to do.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from tests.cli.world import (
    PEOPLE,
    Manifest,
    People,
    apply,
    faults,
    files,
    in_peace,
    judge,
    losses,
    manifests,
    meddle,
    people,
    planned_portal,
    portal,
    request_for,
    run,
    sent,
    without_place,
    write_manifest,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
steady = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # `quick` stays


@steady
@given(
    manifests(),
    people,
    st.lists(faults, max_size=4),
    st.sampled_from([0.0, 0.0, 0.02]),
    st.none() | st.sampled_from(PEOPLE),
)
def test_whatever_goes_wrong_nothing_unplanned_is_done_and_the_end_is_the_same(
    manifest: Manifest, there: People, trouble: list[Fault], late: float, meddled: str | None
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        portal(Path(folder, "p"), there, Behaviour(visible_after=late)) as bench,
    ):
        write_manifest(bench.folder, manifest)
        plan, report = Path(folder, "plan.json"), Path(folder, "report.json")
        assert run(bench, "plan", *files(bench), "--out", str(plan)).code == 0
        planned = json.loads(plan.read_text())["portals"][0]["changes"]
        if meddled is not None:
            meddle(bench, meddled)
        for fault in trouble:
            bench.sim.inject(fault)
        done = apply(bench, str(plan), "--report", str(report))
        judge(bench, planned, done, report)
        if not late:
            effects = sent(bench, with_effect=True)
            assert all(count == 1 for count in effects.values()), effects
        if not trouble and meddled is None:
            assert sent(bench) == Counter(request_for(bench, change) for change in planned)
        in_peace(bench)


@steady
@given(manifests(), people)
def test_the_order_of_files_of_what_they_say_and_of_live_rows_changes_nothing(
    manifest: Manifest, there: People
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with portal(Path(folder, "p"), there) as bench:
            write_manifest(bench.folder, manifest)
            one = planned_portal(bench)
        backwards = {key: rules[::-1] if isinstance(rules, list) else rules for key, rules in manifest.items()}
        with portal(Path(folder, "q"), dict(reversed(there.items()))) as bench:
            # The teams, each in a file of its own, some of which come before the others' file.
            teams = backwards.pop("teams")
            write_manifest(bench.folder, backwards)
            for file, team in zip("azb", teams, strict=True):
                fragment = {"version": 1, "portal": "partners", "teams": [team]}
                Path(bench.folder, f"{file}.yaml").write_text(json.dumps(fragment))
            other = planned_portal(bench)
    assert without_place(one) == without_place(other)


@steady
@given(manifests(), people)
def test_another_trusted_domain_takes_nothing_from_anyone(manifest: Manifest, there: People) -> None:
    """`reinstate` apart: who is let back in is held to their own complete list of teams."""
    manifest["policy"]["reinstate"] = False
    with tempfile.TemporaryDirectory() as folder, portal(Path(folder, "p"), there) as bench:
        write_manifest(bench.folder, manifest)
        before = losses(planned_portal(bench))
        manifest["trusted_domains"].append({"domain": "c.example"})
        write_manifest(bench.folder, manifest)
        assert losses(planned_portal(bench)) <= before
