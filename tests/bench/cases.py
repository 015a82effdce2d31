"""The cases: each measures one target side by side with what it is held against, and tells what came of it.

Runs alternate and the least of each number counts, since another program on the machine only ever adds.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import octodns_plan, population
from tests.bench.processes import Numbers, Portal, least, measured
from tests.bench.table import Row
from tests.bench.work import page_file

PER_PLAN = 12  # calls beside the pages
WORKERS = 16
LATENCY = 0.02  # seconds
LIMIT = 50.0  # requests a second: 3,000 a minute
ENOUGH = 1500.0  # page requests a second of a simulator


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything. `growth`: the developers of the smaller of two portals; the other has ten
    times as many. `records`: those of octoDNS; 0 leaves it out. `rounds`: how often each thing is run.
    """

    developers: int
    growth: int
    records: int
    members: int
    files: int
    writes: int
    limited_writes: int
    rounds: int


SIZES: Mapping[str, Size] = {
    "small": Size(10_000, 1_000, 0, 10_000, 100, 1_000, 150, rounds=2),
    "full": Size(100_000, 100_000, 100_000, 100_000, 1_000, 10_000, 3_000, rounds=4),
}


def plan(size: Size) -> Iterator[Row]:
    """Target 1: the wall clock of a plan is the portal's answers; memory and calls."""
    name, people = "plan", size.developers
    for latency, most in ((LATENCY, 1.25), (0.0, 1.6)):
        with _folder(population.manifest(people)) as folder, Portal(people, latency=latency) as portal:
            spent, runs = [], []
            for _ in range(size.rounds):
                ours = measured("plan", url=portal.url, folder=str(folder))
                before = portal.ask("cpu")
                bare = measured("bare", url=portal.url, developers=people)
                spent.append((portal.ask("cpu") - before) / bare["wall"])
                runs.append((ours, bare))
        ours, bare = (least(item) for item in zip(*runs, strict=True))
        limit = f"; the simulator is busy {min(spent):.0%} of a bare reading" + (
            " and is the limit" if min(spent) > 0.8 else ""
        )
        what = f"{people:,} people, wall at {latency * 1000:.0f} ms an answer, against a bare reader"
        note = f"CPU {ours['cpu']:.2f} s against {bare['cpu']:.2f} s{limit}"
        yield Row(name, what, ours["wall"], "s", bare["wall"], most=most, note=note)
    yield Row(name, f"{people:,} people, peak memory", ours["peak"], "MiB", most=200)
    yield Row(name, "calls beside the pages", ours["calls"] - _pages(people), "calls", most=PER_PLAN)


def again(size: Size) -> Iterator[Row]:
    """Target 6: a second plan costs no more than the first."""
    people = size.developers
    with _folder(population.manifest(people)) as folder, Portal(people) as portal:
        runs = [measured("plan", url=portal.url, folder=str(folder), again=True) for _ in range(size.rounds)]
    took = least(runs)
    note = (
        "no vendor's document has an ETag, a Last-Modified, a 304 or a filter by updated_at (Konnect filters people "
        "by name, status, email, API7 by state); a list sorted by it shows no deletion and no change of members: a "
        "second plan reads everything"
    )
    what = "CPU of a second plan in a process, against the first"
    yield Row("again", what, took["again cpu"], "s", took["cpu"], most=1.1, note=note)
    yield Row("again", "calls, against the first", took["again calls"], "calls", took["calls"], most=1.0)


def growth(size: Size) -> Iterator[Row]:
    """Target 2: ten times the people, ten times the cost."""
    few, many = size.growth, 10 * size.growth
    with _pages_of(few) as small, _pages_of(many) as large:
        runs = [[_decide(small), _decide(large)] for _ in range(size.rounds if many <= 100_000 else 1)]
    one, ten = (least(item) for item in zip(*runs, strict=True))
    what = f"{many:,} people against {few:,}, from cached pages"
    yield Row("growth", f"{what}: CPU", ten["cpu"], "s", one["cpu"], most=11)
    yield Row("growth", f"{what}: peak", ten["peak"], "MiB", one["peak"], most=11)
    if many >= 1_000_000:
        yield Row("growth", f"{many:,} people: peak", ten["peak"], "MiB", most=1229)
        cpu = ten["decide cpu"] + ten["serialise cpu"]
        yield Row("growth", f"{many:,} people: CPU of resolve, diff and serialise", cpu, "s", most=8)


def decide(size: Size) -> Iterator[Row]:
    """Target 3: the CPU of the decision; the whole plan against octoDNS."""
    people, records = size.developers, size.records
    with _pages_of(people) as folder:
        ours = least([_decide(folder) for _ in range(size.rounds)])
    most = 0.5 * people / 100_000
    yield Row("decide", f"{people:,} people: CPU of resolve, diff and digest", ours["decide cpu"], "s", most=most)
    if not records:
        yield Row(
            "decide", "against octoDNS: left out", 0, "", note="few records tell what starting costs; see --size full"
        )
        return
    with TemporaryDirectory() as folder_name, _pages_of(records) as pages:
        python = _octodns(Path(folder_name))
        if isinstance(python, str):
            yield Row("decide", "against octoDNS: left out", 0, "", note=python)
            return
        with TemporaryDirectory() as zones:
            peer = _peer(python, records, Path(zones))
        ours = least([_decide(pages) for _ in range(size.rounds)])
    what = f"octoDNS planning {records:,} records, against a whole plan of as many people"
    note = "a plan from manifest and cached pages to JSON; the people have twice as many memberships on top"
    yield Row("decide", f"{what}: CPU", peer["cpu"], "s", ours["cpu"], least=50, note=note)
    yield Row("decide", f"{what}: memory", peer["peak"], "MiB", ours["peak"], least=4)


def manifest(size: Size) -> Iterator[Row]:
    """Target 4: reading a manifest against the parser's own fastest way."""
    count = size.members
    with TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        one = _written(folder / "one", population.lists(count, teams=size.files))
        several = _written(folder / "several", population.lists(count, teams=size.files, files=size.files))
        team, people = population.csv_list(count)
        listed = _written(folder / "listed", [team])
        Path(listed, "list.csv").write_text(people, encoding="utf-8")
        works = [
            ("read_files", [one]),
            ("safe_load", _below(one)),
            ("read_files", [several]),
            ("safe_load", _below(several)),
            ("read_files", [listed]),
        ]
        runs = [[measured(work, paths=paths) for work, paths in works] for _ in range(size.rounds)]
    ours, safe, small, safe_small, csv = (least(item) for item in zip(*runs, strict=True))
    note = "with all checks and places; the reference is YAML(typ='safe') with garbage collection off"
    what = f"{count:,} members one by one: CPU, against the safe loader"
    yield Row("manifest", what, ours["cpu"], "s", safe["cpu"], most=1.3, note=note)
    what = f"{size.files:,} small files: CPU, against one file"
    longer = safe_small["cpu"] / safe["cpu"]
    note = f"each file has a head of its own: the safe loader takes {longer:.2f} times as long"
    yield Row("manifest", what, small["cpu"], "s", ours["cpu"], most=1.0, note=note)
    yield Row("manifest", f"{count:,} members from CSV: CPU", csv["cpu"], "s", most=0.5 * count / 100_000)


def apply(size: Size) -> Iterator[Row]:
    """Target 5: one write for each change, at the rate that answers or the portal's limit allow."""
    for people, limit in ((size.writes, False), (size.limited_writes, True)):
        with _folder(*population.lists(people, teams=population.teams(people))) as folder:
            with Portal(people, latency=LATENCY, log_limit=1_000_000) as portal:
                if limit:
                    portal.ask("limit")
                done = measured("apply", url=portal.url, folder=str(folder))
                log = portal.ask("log")
        taken = [(started, ended) for method, status, started, ended in log if method != "GET" and status < 300]
        refused = sum(status == 429 for _, status, _, _ in log)
        rate = len(taken) / (max(ended for _, ended in taken) - min(started for started, _ in taken))
        if not limit:
            yield Row("apply", "writes for each change", len(taken), "writes", done["changes"], most=1.0, least=1.0)
            reads = sum(method == "GET" for method, *_ in log) - done["plan calls"]
            note = (
                "by lists and batches, before and after; only a removal has a look at its own person right before it"
            )
            yield Row("apply", "reads for each change", reads, "reads", done["changes"], most=0.2, note=note)
            what = f"{len(taken):,} writes a second, against the ideal of 16 in flight at 20 ms"
            yield Row("apply", what, rate, "/s", WORKERS / LATENCY, least=0.8, note=f"CPU {done['cpu']:.2f} s")
        else:
            yield Row("apply", f"{len(taken):,} writes a second under 3,000 a minute", rate, "/s", LIMIT, least=0.9)
            note = "a dozen or so at the start, from which the pace is learnt, however many writes follow"
            yield Row("apply", "429s among all requests", refused, "429s", float(len(log)), most=0.02, note=note)


def group(size: Size) -> Iterator[Row]:
    """A large group costs little more than reading it, and little memory."""
    people = size.developers
    words = [sys.executable, "-m", "tests.bench.directory", json.dumps({"count": people})]
    with TemporaryDirectory() as folder:
        server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        runs = [
            (measured("group", url=url, folder=folder), measured("bare_group", url=url)) for _ in range(size.rounds)
        ]
        without = measured("group", url="", folder=folder)
        server.communicate()
    ours, bare = (least(item) for item in zip(*runs, strict=True))
    assert ours["identities"] == bare["identities"] == people
    what = f"{people:,} identities in one group"
    note = f"CPU {ours['cpu']:.2f} s against {bare['cpu']:.2f} s"
    yield Row("group", f"{what}, against a bare reader", ours["wall"], "s", bare["wall"], most=1.3, note=note)
    yield Row("group", f"{what}: memory above a run without", ours["peak"] - without["peak"], "MiB", most=150)


PORTALS, DEVELOPERS, INTERVAL, POLL = 300, 5_000, 600, 30  # of a large installation; seconds


def controller(size: Size) -> Iterator[Row]:
    """The controller of many portals takes a tenth of a core."""
    with _folder(population.manifest(DEVELOPERS)) as folder, Portal(DEVELOPERS) as portal:
        one = measured("controller", url=portal.url, folder=str(folder), runs=5 * size.rounds, polls=200)
    share = PORTALS * (one["run cpu"] / INTERVAL + one["poll cpu"] / POLL)
    what = f"{PORTALS} portals of {DEVELOPERS:,} developers, read every {INTERVAL} s and polled every {POLL} s"
    run, poll = one["run cpu"] * 1000, one["poll cpu"] * 1000
    note = f"computed from one portal: {run:.0f} ms of CPU for a full run, {poll:.1f} ms for a poll"
    yield Row("controller", f"{what}: part of one core", 100 * share, "%", most=10, note=note)
    yield Row("controller", f"memory that {5 * size.rounds} more runs add", one["growth"], "MiB", most=10)


SIGN_UPS, LATENCY = 10, 0.02  # sign-ups in a round; seconds of each answer


def wake(size: Size) -> Iterator[Row]:
    """A sign-up that a signed event reports is approved in two seconds."""
    count = SIGN_UPS * size.rounds
    with TemporaryDirectory() as folder:
        found = measured("wake", folder=folder, developers=DEVELOPERS, sign_ups=count, latency=LATENCY)
    what = f"from a signed event to the approval, {DEVELOPERS:,} developers, {LATENCY * 1000:.0f} ms per answer"
    note = f"of {count} sign-ups, one after the other; half of them within {found['p50']:.2f} s"
    yield Row("wake", f"{what}: 95 % within", found["p95"], "s", most=2, note=note)


def days(size: Size) -> Iterator[Row]:
    """Days of polls, runs and faults leave nothing behind; at full size three."""
    hours, speed = 18 * size.rounds, 3600.0
    with TemporaryDirectory() as folder:
        found = measured("days", folder=folder, hours=hours, speed=speed)
    what = (
        f"{hours} hours with random faults, at {speed:,.0f} times their speed, {found['runs']:,.0f} runs: growth of"
    )
    yield Row("days", f"{what} memory", found["memory"], "MiB", most=10, note="after the first quarter")
    yield Row("days", f"{what} threads", found["threads"], "", most=0)
    yield Row("days", f"{what} open files and sockets", found["files"], "", most=2)


PAGES = {"portals": "/", "portal": "/portals/NAME", "run": "/runs/ID", "directories": "/directories"}


def pages(size: Size) -> Iterator[Row]:
    """A page is there in a tenth of a second, also after a long time: a million changes at full size."""
    rows = 10 * size.developers
    with TemporaryDirectory() as folder:
        found = measured("pages", folder=folder, developers=DEVELOPERS, rows=rows, rounds=20 * size.rounds)
    for name, path in PAGES.items():
        yield Row("pages", f"{path}, {rows:,} changes in the history: 95 % within", found[name], "ms", most=100)


def start(size: Size) -> Iterator[Row]:
    """Target 7: the CPU that a command takes before it does anything."""
    # pydantic loads most of itself with the first model.
    libraries = "import click, idna, publicsuffixlist, pydantic, ruamel.yaml\nclass Model(pydantic.BaseModel): pass"
    python, portalctl = sys.executable, str(Path(sys.executable).with_name("portalctl"))
    words: Mapping[str, list[str]] = {
        "python": [python, "-c", "pass"],
        "version": [portalctl, "--version"],
        "libraries": [python, "-c", libraries],
        "validate": [portalctl, "validate", "-f", "examples/quickstart"],
    }
    with TemporaryDirectory() as folder:  # as installed: with bytecode, whatever the environment says
        kept = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        runs = [{name: _cpu_of(line, kept) for name, line in words.items()} for _ in range(3 * size.rounds)]
    took = least(runs)
    what = "CPU of `--version`, against `python -c pass`"
    yield Row("start", what, took["version"], "s", took["python"], most=4)
    note = "the libraries that it uses, with one empty model, since pydantic loads most of itself only then"
    what = "CPU of `validate` of the quickstart, against importing its libraries"
    yield Row("start", what, took["validate"], "s", took["libraries"], most=1.5, note=note)


def simulator(size: Size) -> Iterator[Row]:
    """Target 8: the simulator is not what limits a measurement."""
    people = size.developers
    rates = []
    with Portal(people) as portal:
        for _ in range(size.rounds):
            before = portal.ask("cpu")
            measured("bare", url=portal.url, developers=people)
            rates.append(_pages(people) / (portal.ask("cpu") - before))
    note = "by its own CPU time, which is what bounds it: one process, one lock"
    yield Row("simulator", "page requests a second", max(rates), "/s", least=ENOUGH, note=note)


CASES: Mapping[str, Callable[[Size], Iterator[Row]]] = {
    item.__name__: item
    for item in (plan, again, growth, decide, manifest, apply, start, simulator, group, controller, wake, days, pages)
}


def _pages(people: int) -> int:
    """The pages of developers and members."""
    teams = population.teams(people)
    sizes = (sum(1 for _ in population.members(team, people)) for team in range(teams))
    return ceil(people / population.PAGE) + sum(max(1, ceil(size / population.PAGE)) for size in sizes)


@contextmanager
def _folder(*files: str) -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(_written(Path(name) / "portals", files))


def _written(folder: Path, files: list[str] | tuple[str, ...]) -> str:
    folder.mkdir()
    for number, text in enumerate(files):
        (folder / f"part{number:04}.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def _below(folder: str) -> list[str]:
    return [str(path) for path in sorted(Path(folder).iterdir())]


@contextmanager
def _pages_of(people: int) -> Iterator[Path]:
    """A folder with a manifest and the pages of its portal."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "partners.yaml").write_text(population.manifest(people), encoding="utf-8")
        pages = folder / "pages"
        pages.mkdir()
        for path, number, body in population.pages(people):
            (pages / page_file(path, number)).write_bytes(body)
        portal = {"id": population.PORTAL_ID, "name": "partners"}
        (pages / page_file("", 1)).write_text(json.dumps(portal), encoding="utf-8")
        settings = json.dumps({"idp_mapping_enabled": False})
        (pages / page_file("authentication-settings", 1)).write_text(settings, encoding="utf-8")
        (pages / page_file("identity-providers", 1)).write_text("[]", encoding="utf-8")
        (pages / page_file("email-templates", 1)).write_text(json.dumps({"data": []}), encoding="utf-8")
        yield folder


def _decide(folder: Path) -> Numbers:
    return measured("decide", manifest=str(folder / "partners.yaml"), pages=str(folder / "pages"))


def _octodns(folder: Path) -> str | Path:
    """The interpreter of a new environment with octoDNS; why there is none."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    words = [str(python), "-m", "pip", "install", "-q", "octodns"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return python if done.returncode == 0 else f"octoDNS can't be installed: {done.stderr.strip()[-200:]}"


def _peer(python: Path, records: int, folder: Path) -> Numbers:
    words = [str(python), str(Path(octodns_plan.__file__)), str(records), str(folder)]
    done = subprocess.run(words, capture_output=True, check=True)
    numbers: Numbers = json.loads(done.stdout)
    return numbers


def _cpu_of(words: list[str], environment: Mapping[str, str]) -> float:
    """Seconds of CPU of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, stdout=subprocess.DEVNULL, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
