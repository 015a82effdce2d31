"""A portal that many hands work on: people sign up, admins act, files are edited; applies run, go wrong, are killed.

After any such story: what is sent is what was planned, each write once; what is said is so; nobody gets back unasked
what was taken from them; and one more apply makes everything so, after which there is nothing to do.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from portalctl.portals.models import OUT
from portalctl.simulator.faults import Fault
from tests.cli.test_journal import Death, dying
from tests.cli.world import (
    PEOPLE,
    STATUSES,
    Manifest,
    People,
    apply,
    faults,
    files,
    in_peace,
    judge,
    losses,
    manifests,
    people,
    planned_portal,
    portal,
    put,
    request_for,
    run,
    sent,
    without_place,
    write_manifest,
)
from tests.conftest import PORTAL_ID, Bench

Changes = list[dict[str, Any]]
STEPS = 25
who = st.sampled_from(PEOPLE)
write_faults = st.builds(
    Fault,
    st.sampled_from(["status", "drop-before", "drop-after"]),
    method=st.sampled_from(["POST", "PATCH", "DELETE"]),
    after=st.integers(0, 2),
    times=st.sampled_from([1, 2, None]),
    status=st.sampled_from([400, 403, 429, 503]),
)
trouble: st.SearchStrategy[list[Fault]] = st.one_of(
    st.just([]), st.lists(write_faults, min_size=1, max_size=3), st.lists(faults, min_size=1, max_size=3)
)
rewritten = manifests() | manifests() | st.none()  # None: the files stay as they are


class ManyHands(RuleBasedStateMachine):
    """`saved`: the changes of the plan file, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.plan, self.report = self.folder / "plan.json", self.folder / "report.json"
        self.manifest: Manifest = {}
        self.saved: Changes | None = None
        self.bench: Bench

    def teardown(self) -> None:
        self.stack.close()

    @initialize(manifest=manifests(), there=people)
    def begin(self, manifest: Manifest, there: People) -> None:
        self.bench = self.stack.enter_context(portal(self.folder / "p", there))
        self.write(manifest)

    # --- what people, admins and authors do

    @rule(address=who)
    def sign_up(self, address: str) -> None:
        if address not in self.addresses:
            put(self.bench, address, "pending", ())

    @rule(address=who, status=st.sampled_from(STATUSES))
    def an_admin_sets_a_status(self, address: str, status: str) -> None:
        if address in self.addresses:
            self.bench.sim.store.set_status(self.bench.emails[address], status)

    @rule(address=who, team=st.sampled_from(["red", "green"]))
    def an_admin_puts_someone_in_a_team_or_takes_them_out(self, address: str, team: str) -> None:
        if address in self.addresses:
            inside = address in self.bench.members(team)
            change = self.bench.sim.store.remove_member if inside else self.bench.sim.store.add_member
            change(self.bench.teams[team], self.bench.emails[address])

    @rule()
    def the_files_are_put_in_another_order(self) -> None:
        before = without_place(planned_portal(self.bench))
        self.write({key: each[::-1] if isinstance(each, list) else each for key, each in self.manifest.items()})
        assert without_place(planned_portal(self.bench)) == before

    @precondition(lambda self: not self.manifest["policy"]["reinstate"])
    @rule()
    def another_domain_is_trusted(self) -> None:
        """`reinstate` apart: who is let back in is held to their own complete list of teams."""
        before = losses(planned_portal(self.bench))
        rest = [each for each in self.manifest["trusted_domains"] if each["domain"] != "c.example"]
        self.write(self.manifest | {"trusted_domains": [*rest, {"domain": "c.example"}]})
        assert losses(planned_portal(self.bench)) <= before

    # --- what portalctl does

    @rule(manifest=rewritten)
    def a_plan_is_saved(self, manifest: Manifest | None) -> None:
        self.write(manifest or self.manifest)
        self.bench.sim.clear_log()
        assert run(self.bench, "plan", *files(self.bench), "--out", str(self.plan)).code == 0
        assert sent(self.bench) == {}
        self.saved = json.loads(self.plan.read_text())["portals"][0]["changes"]
        self.check(self.saved)

    @precondition(lambda self: self.saved is not None)
    @rule(trouble=trouble)
    def the_saved_plan_is_applied(self, trouble: list[Fault]) -> None:
        self.apply(self.saved or [], trouble, str(self.plan))

    @rule(manifest=rewritten, trouble=trouble)
    def the_files_are_applied(self, manifest: Manifest | None, trouble: list[Fault]) -> None:
        """Of a portal that it could not read as it is, it makes no plan."""
        self.write(manifest or self.manifest)
        self.apply(self.check(planned_portal(self.bench)["changes"]), trouble, *files(self.bench))

    @rule(manifest=rewritten, at=st.integers(1, 8), after=st.booleans())
    def an_apply_is_killed_and_run_again(self, manifest: Manifest | None, at: int, *, after: bool) -> None:
        self.write(manifest or self.manifest)
        planned = planned_portal(self.bench)["changes"]
        self.bench.sim.clear_log()
        with dying(at, after=after), suppress(Death):
            assert apply(self.bench, *files(self.bench)).code == 0
        assert apply(self.bench, *files(self.bench)).code == 0
        assert sent(self.bench) == Counter(request_for(self.bench, change) for change in planned)

    @rule()
    def nothing_goes_wrong(self) -> None:
        in_peace(self.bench)

    # --- what must hold

    @property
    def addresses(self) -> set[str]:
        return {row["email"] for row in self.bench.sim.store.developers(PORTAL_ID)}

    def write(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_manifest(self.bench.folder, manifest)

    def check(self, planned: Changes) -> Changes:
        """Nobody is let back in unless somebody wrote that they should be."""
        asked = self.manifest["policy"]["reinstate"] or any(
            each.get("reinstate") for each in self.manifest["overrides"]
        )
        back = [each for each in planned if each["op"] in {"approve", "reopen"} and each["before"]["status"] in OUT]
        assert all(each["class"] == "reinstate" for each in back)
        assert asked or not back
        return planned

    def apply(self, planned: Changes, trouble: list[Fault], *words: str) -> None:
        self.bench.sim.clear_log()
        for fault in trouble:
            self.bench.sim.inject(fault)
        done = apply(self.bench, *words, "--report", str(self.report))
        judge(self.bench, planned, done, self.report)
        effects = sent(self.bench, with_effect=True)
        assert all(count == 1 for count in effects.values()), effects
        self.bench.sim.clear_faults()


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_whatever_many_hands_do_each_apply_does_its_plan_and_says_what_is_so() -> None:
    examples = max(5, settings().max_examples // 8)  # each is a dozen commands or more
    run_state_machine_as_test(
        ManyHands, settings=settings(max_examples=examples, stateful_step_count=STEPS, deadline=None)
    )
