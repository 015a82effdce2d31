"""Two hands on one portal at the same time: an apply, and another apply or an admin, who acts just before one of
the requests of the first; each request has its turn.

No portal compares and sets: who acts between a look and the write that follows it can't be noticed before that write,
so there the later write wins. Everywhere else nobody is left as neither wanted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Literal

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.message import Request
from portalctl.simulator.server import Simulator
from tests.conftest import HEAD, PORTAL_ID, WRITES, Bench, Done, portalctl

pytestmark = pytest.mark.usefixtures("quick", "one_at_a_time")

ANN = "ann@club.example"
BOB = "bob@other.example"
State = tuple[str, frozenset[str]]
Act = Callable[[Bench], Done | None]


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is done to one person between a look at another and the write that follows it."""
    monkeypatch.setattr("portalctl.execution.executor.IN_FLIGHT", 1)
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True, slots=True)
class Race:
    """How ann stands, in team `reds` if `member`; what two files say of her; and how either alone would leave her."""

    live: str
    member: bool
    first: str
    second: str
    wanted: tuple[State, State]


def override(status: str) -> str:
    return f"overrides:\n  - {{developer: {ANN}, status: {status}, reason: r}}\n"


def state(status: str, *teams: str) -> State:
    return status, frozenset(teams)


EXCLUSIVE = "teams:\n  - {name: reds, membership: exclusive, members: []}\n"
LISTED = f"teams:\n  - {{name: reds, members: [{ANN}]}}\n"
TRUSTED = "trusted_domains:\n  - {domain: club.example, teams: [reds]}\nteams:\n  - name: reds\n"
IN = state("approved", "reds")
OUT = state("rejected")
RACES = {
    "reject, approve": Race("pending", True, override("rejected") + EXCLUSIVE, TRUSTED, (OUT, IN)),
    "approve, reject": Race("pending", False, TRUSTED, override("rejected") + EXCLUSIVE, (IN, OUT)),
    "reopen, revoke": Race(
        *("approved", True, override("pending") + EXCLUSIVE, override("revoked") + EXCLUSIVE),
        wanted=(state("pending"), state("revoked")),
    ),
    "revoke, reopen": Race(
        *("approved", True, override("revoked") + EXCLUSIVE, override("pending")),
        wanted=(state("revoked"), state("pending", "reds")),
    ),
    "both remove": Race("approved", True, EXCLUSIVE, EXCLUSIVE, (state("approved"),) * 2),
    "both revoke": Race("approved", False, override("revoked"), override("revoked"), (state("revoked"),) * 2),
    "both approve": Race("pending", False, TRUSTED, override("approved") + LISTED, (IN, IN)),
}  # fmt: skip


@contextlib.contextmanager
def portal(live: str, member: bool, behaviour: Behaviour | None = None, **files: str) -> Iterator[Bench]:
    """A portal with ann, bob and team `reds`, and for each manifest, which also revokes bob, a folder and a plan."""
    seed = {"portals": [{"id": PORTAL_ID, "name": "partners", "display_name": "Partners"}]}
    with Simulator(seed=seed, behaviour=behaviour) as sim:
        bench = Bench(sim, Path("first"))
        bench.people(approved=[ANN, BOB])
        bench.team("reds")
        set_back(bench, live, member)
        for name, rules in files.items():
            Path(name).mkdir(exist_ok=True)
            Path(name, "partners.yaml").write_text(f"{HEAD}{rules}denied_domains: [{{domain: other.example}}]\n")
            assert command(bench, "plan", "-f", name, "--out", f"{name}.json").code == 0
        yield bench


def set_back(bench: Bench, live: str, member: bool) -> None:
    """As it was when the plans were made."""
    store, ann, reds = bench.sim.store, bench.emails[ANN], bench.teams["reds"]
    store.set_status(ann, live)
    store.set_status(bench.emails[BOB], "approved")
    (store.add_member if member else store.remove_member)(reds, ann)
    for team in store.teams(PORTAL_ID):
        if team["id"] != reds:
            store.delete_team(team["id"])
    bench.sim.clear_log()


def command(bench: Bench, *words: str) -> Done:
    return portalctl(*words, env={"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token})


def apply(bench: Bench, plan: str) -> Done:
    journal = ("--journal", f"{plan}.jsonl")
    return command(bench, "apply", f"{plan}.json", "--yes", "--confirm-timeout", "0", *journal)


def found(bench: Bench) -> State:
    return state(bench.status(ANN), *(["reds"] if ANN in bench.members("reds") else []))


class Turn:
    """Lets `act` happen just before request number `at`, and remembers what was there before and after."""

    def __init__(self, bench: Bench, at: int, act: Act) -> None:
        self.bench, self.at, self.act = bench, at, act
        self.requests = 0
        self.next: Request | None = None
        self.done: Done | None = None
        self.states: tuple[State, ...] = ()
        self.writing = False
        bench.sim.on_request(self)

    def __call__(self, request: Request) -> None:
        self.requests += self.next is None  # afterwards, requests of both come in
        if self.next is None and self.requests == self.at:
            self.next = request
            was, self.writing = found(self.bench), self.bench.writes != []
            self.done = self.act(self.bench)
            self.states = (was, found(self.bench))

    @property
    def unseen(self) -> bool:
        """It was too late for another look: what came next was a write about ann."""
        ann = self.bench.emails[ANN]
        return (
            self.next is not None and self.next.method in WRITES and ann in self.next.path + self.next.body.decode()
        )


def every_turn(
    live: str, member: bool, act: Act, behaviour: Behaviour | None = None, **files: str
) -> Iterator[tuple[Bench, Turn, Done]]:
    """The first applies its saved plan; once for each of its requests, `act` comes just before that."""
    with portal(live, member, behaviour, **files) as bench:
        for at in count(1):
            set_back(bench, live, member)
            turn = Turn(bench, at, act)
            done = apply(bench, "first")
            if turn.next is None:
                assert at > 6, "fewer requests than a look, a write and a look make"
                assert done.code == 0, done.out  # nothing came between
                return
            yield bench, turn, done


def says(done: Done, status: str) -> bool:
    return any(f"{words} {status}" in done.out + done.err for words in ("is now status", "is now", "it is status"))


def second_plan(bench: Bench) -> Done:
    return apply(bench, "second")


def second_files(bench: Bench) -> Done:
    return command(bench, "apply", "-f", "second", "--yes", "--confirm-timeout", "0", "--journal", "second.jsonl")


def judge_first(wanted: tuple[State, State], bench: Bench, turn: Turn, first: Done) -> None:
    end, told = found(bench), first.out + first.err
    before, after = turn.states
    assert end in wanted or (turn.unseen and end[0] in {status for status, _ in wanted}), told
    assert bench.status(BOB) == "revoked" or first.code == 3, told
    if wanted[0][0] != "approved" and before != after and not turn.unseen:
        assert end == after, told  # each removal comes after a look of its own
    if end != wanted[0] != before:  # it lost, and had not had it so before
        assert first.code in {3, 4}, told
        lost_team = turn.unseen and end[0] == wanted[0][0] and "it is not member" in told
        assert lost_team or says(first, end[0]), told


def judge_second(race: Race, turn: Turn) -> None:
    """It has the portal to itself while it runs. A membership that its plan does not touch stays."""
    second, (before, after) = turn.done, turn.states
    assert second is not None
    if second.code == 0:
        untouched = not race.member and "leaves reds" not in second.out and after == (race.wanted[1][0], before[1])
        withheld = f"stays {before[0]}" in second.out
        assert after == race.wanted[1] or untouched or withheld, second.out
    else:
        assert (second.code, after) == (3, before), second.out
        assert says(second, before[0]), second.err


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
@pytest.mark.parametrize("act", [second_plan, second_files])
def test_two_applies(race: Race, act: Act) -> None:
    """The second is a plan of the same time, or files planned when its turn comes."""
    for bench, turn, first in every_turn(race.live, race.member, act, first=race.first, second=race.second):
        judge_first(race.wanted, bench, turn, first)
        judge_second(race, turn)
        if race.wanted[0] == race.wanted[1]:
            assert turn.done is not None
            assert turn.next is not None
            assert (first.code, turn.done.code) == (0, 0), first.out
            again = [write for write in bench.writes if write.endswith(bench.emails[ANN])]
            late = turn.unseen or "filter" in turn.next.target  # memberships are looked at before the person
            assert late or len(again) == len(set(again))


def test_each_removal_comes_right_after_a_look_at_that_person_alone() -> None:
    with portal("pending", True, first=override("rejected") + EXCLUSIVE) as bench:
        bench.people(approved=["eve@club.example"])
        bench.sim.store.add_member(bench.teams["reds"], bench.emails["eve@club.example"])
        assert command(bench, "plan", "-f", "first", "--out", "first.json").code == 0
        bench.sim.clear_log()
        assert apply(bench, "first").code == 0
        looks = [
            (before.params[-1], next(each for each, id_ in bench.emails.items() if write.path.endswith(id_)))
            for before, write in pairwise(bench.sim.log)
            if write.method in WRITES
        ]
        assert sorted(looks) == [(("filter[email][oeq]", each), each) for each in (ANN, ANN, BOB, "eve@club.example")]


def let_in(bench: Bench) -> None:
    bench.sim.store.set_status(bench.emails[ANN], "approved")
    bench.sim.store.add_member(bench.teams["reds"], bench.emails[ANN])


@pytest.mark.slow
def test_what_an_admin_gives_meanwhile_is_not_taken_away() -> None:
    rules = override("rejected") + EXCLUSIVE
    for bench, turn, first in every_turn("pending", True, let_in, first=rules):
        judge_first((OUT, IN), bench, turn, first)


@pytest.mark.slow
def test_whoever_is_let_back_in_keeps_the_team_that_was_to_be_tidied() -> None:
    """Once writing has begun. Before that, nothing tells that the membership is to end because they are out."""
    kept = 0
    for bench, turn, first in every_turn("rejected", True, let_in, first=EXCLUSIVE):
        if turn.writing and not turn.unseen and turn.states[0] == state("rejected", "reds"):
            kept += 1
            assert first.code == 4
            assert says(first, "approved")
            assert bench.writes == [f"PATCH /developers/{bench.emails[BOB]}"]
    assert kept == 2  # just before each request of the look


NEW_TEAM = f"teams:\n  - {{name: blues, members: [{ANN}]}}\n"


def judge_team(bench: Bench, first: Done, *, late: bool, twice: bool) -> None:
    """`late`: the first had already looked. `twice`: the portal then makes another team of that name."""
    blues = [each["id"] for each in bench.sim.store.teams(PORTAL_ID) if each["name"] == "blues"]
    assert len(blues) == 1
    if late and twice:
        assert first.code == 0, first.out
        (taken_back,) = [write for write in bench.writes if write.startswith("DELETE /teams/")]
        ours = taken_back.rpartition("/")[2]
        assert ours != blues[0]
        assert f"created (another run created it at the same moment; the one created here ({ours}) was " in first.out
    else:
        assert first.code == (4 if late else 0), first.out
        assert not late or "team blues  not created" in first.told
        assert apply(bench, "first").code == 0
    assert bench.members("blues") == {ANN}


@pytest.mark.slow
@pytest.mark.parametrize("act", [second_plan, second_files])
@pytest.mark.parametrize("taken", ["409", "400", "allow"])
def test_two_create_one_team(act: Act, taken: Literal["409", "400", "allow"]) -> None:
    kind, late = Behaviour(duplicate_team=taken), 0
    for bench, turn, first in every_turn("approved", False, act, kind, first=NEW_TEAM, second=NEW_TEAM):
        both = bench.writes.count("POST /teams") == 2
        judge_team(bench, first, late=both, twice=taken == "allow")
        assert turn.done is not None
        assert turn.done.code == 0, turn.done.err
        late += both
    assert late == 2  # the list of teams is read once for all creations, so also between that and the creation
