"""What is measured, each in a process of its own: `python -m tests.bench.work NAME JSON`. Times are in seconds."""

from __future__ import annotations

import gc
import io
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from portalctl import flow
from portalctl.changes.plan import ManifestStamp
from portalctl.changes.plan_document import digest
from portalctl.changes.planning import assemble, compare, plan_portal
from portalctl.changes.selection import Selection
from portalctl.cli.controller import run_factory
from portalctl.controller.database import open_database
from portalctl.controller.logs import Log
from portalctl.controller.loop import Modes
from portalctl.controller.polling import Pollers
from portalctl.controller.schedule import Timing
from portalctl.controller.service import Controller, ControllerSettings
from portalctl.controller.source import Folder
from portalctl.controller.store import Store
from portalctl.directories.access import Access
from portalctl.directories.kinds import KINDS
from portalctl.events import Event, ReadDone, ignore
from portalctl.execution.journal_place import FilePlace
from portalctl.garbage import no_garbage_collection
from portalctl.group_reading import Directories, GroupReader
from portalctl.http import Answer, Client, Server
from portalctl.identity import normal_address
from portalctl.manifest.load import load
from portalctl.manifest.model import Manifest
from portalctl.output.documents import to_json as plan_json
from portalctl.portals.konnect.api_versions import DIALECTS
from portalctl.portals.konnect.portal import WORKERS, KonnectPortal
from portalctl.portals.models import Snapshot
from portalctl.rules.rulebook import Rulebook
from portalctl.run_context import Run
from portalctl.simulator.server import TOKEN
from tests.bench import population
from tests.bench.pages import pages
from tests.bench.processes import peak_mib, timed
from tests.bench.running import days, wake

TODAY = date(2026, 6, 1)


def plan(url: str, folder: str, again: bool = False) -> dict[str, float]:
    """`portalctl plan --out` from files and a portal; with `again` a second time, whose numbers begin with that."""
    numbers: dict[str, float] = {}
    for which in ("", "again ") if again else ("",):
        with timed(numbers, which):
            read: list[Event] = []
            run = Run({"partners": Server(url, TOKEN)}, observer=read.append)
            made = flow.plan(load([Path(folder)]), run)
            (Path(folder) / "plan.json").write_text(plan_json(made), encoding="utf-8")
        numbers[f"{which}calls"] = _calls(read)
    return {**numbers, "changes": made.changes}


def bare(url: str, developers: int) -> dict[str, float]:
    """The same pages by the same library, as many at a time, decoded; nothing else.

    The library is used the cheapest way: a client a thread, one TLS context, finished requests. It knows all pages
    beforehand, so it never waits for a first one to tell how many there are.
    """
    wanted = [(path, number) for path, number, _ in population.pages(developers)]
    numbers: dict[str, float] = {}
    mine = threading.local()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    settings: dict[str, Any] = {
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        "extensions": {"timeout": httpx.Timeout(5.0).as_dict()},  # the library's own default
    }

    def fetch(page: tuple[str, int]) -> int:
        if not hasattr(mine, "client"):
            mine.client = httpx.Client(trust_env=False, verify=tls)
        target = f"{url}/v3/portals/{population.PORTAL_ID}/{page[0]}?page[size]=100&page[number]={page[1]}"
        if page[0] == "developers":
            target += "&sort=created_at"
        return len(json.loads(mine.client.send(httpx.Request("GET", target, **settings)).content)["data"])

    with timed(numbers), ThreadPoolExecutor(WORKERS) as pool:
        numbers["rows"] = sum(pool.map(fetch, wanted))
    return numbers


def decide(manifest: str, pages: str) -> dict[str, float]:
    """A whole plan from a file and cached pages, in its parts: load, read, resolve and diff, digest, serialise."""
    numbers: dict[str, float] = {}
    with timed(numbers), no_garbage_collection():  # as flow.plan has it
        with timed(numbers, "load "):
            wanted = load([Path(manifest)])
        portal = wanted.portals["partners"]
        with timed(numbers, "read "):
            snapshot = _cached(wanted, Path(pages))
        with timed(numbers, "decide "):
            found = compare(portal, snapshot, TODAY)
            planned = (plan_portal(portal, snapshot, found, TODAY, Selection()),)
            digest(ManifestStamp(wanted.digest, wanted.files), planned)
        with timed(numbers, "serialise "):
            made = assemble(wanted, planned, created_at="2026-06-01T00:00:00Z", generator="bench")
            text = plan_json(made)
    return {**numbers, "changes": made.changes, "bytes": len(text)}


def read_files(paths: list[str]) -> dict[str, float]:
    """The manifest in files."""
    numbers: dict[str, float] = {}
    with timed(numbers):
        kept = load([Path(path) for path in paths])
    return {**numbers, "files": len(kept.files)}


def safe_load(paths: list[str]) -> dict[str, float]:
    """The same bytes by ruamel.yaml's C-backed safe loader, helped as far as it can be: no garbage collection."""
    numbers: dict[str, float] = {}
    gc.disable()
    with timed(numbers):
        kept = [YAML(typ="safe").load(Path(path).read_bytes()) for path in paths]
    return {**numbers, "files": len(kept)}


def apply(url: str, folder: str) -> dict[str, float]:
    """`portalctl apply --yes`, with a journal; only what comes after the plan is timed."""
    numbers: dict[str, float] = {}
    read: list[Event] = []
    journals = {"partners": FilePlace(Path(folder) / "journal.jsonl")}
    run = Run({"partners": Server(url, TOKEN)}, journals=journals, observer=read.append)
    made = flow.plan(load([Path(folder)]), run)
    numbers["plan calls"] = _calls(read)
    with timed(numbers):
        (report,) = flow.apply(made, run)
    return {**numbers, "changes": made.changes, "confirmed": report.count("confirmed")}


MANIFEST = """version: 1
portal: {name: partners, provider: konnect, region: eu, title: Partners}
directories: [{name: hr, kind: http, list: "employees[?active]", email: mail, id: id}]
trusted_groups: [{directory: hr, group: partners, reason: bench}]
"""


def group(url: str, folder: str) -> dict[str, float]:
    """One large group, read and sorted for rules, as every command does it; without a `url` nothing is read."""
    path = Path(folder) / "group.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    portals = tuple(load([path], KINDS).portals.values())
    numbers: dict[str, float] = {}
    if not url:
        return numbers
    access = Access(url, "secret", "PORTALCTL_DIRECTORY_HR")
    reader = GroupReader(Directories({"hr": access}), lambda: "2026-06-01T00:00:00Z")
    with timed(numbers):
        (reading,) = reader.read(portals).readings.values()
    return {**numbers, "identities": reading.counts.active}


def bare_group(url: str) -> dict[str, float]:
    """The same by the same library: fetched, decoded, and kept by address."""
    numbers: dict[str, float] = {}
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with timed(numbers), httpx.Client(trust_env=False, verify=tls) as client:
        rows = json.loads(client.get(f"{url}/partners", headers={"Authorization": "Bearer secret"}).content)
        kept = {normal_address(row["mail"]): row["id"] for row in rows["employees"] if row["active"]}
    return {**numbers, "identities": len(kept)}


def controller(url: str, folder: str, runs: int, polls: int) -> dict[str, float]:
    """A controller that observes one portal: the CPU of a full run and of a poll, and what memory grows by."""
    os.environ |= {"KONNECT_SERVER_URL": url, "KONNECT_TOKEN": TOKEN}
    engine = open_database(None, state=Path(folder).parent / "state")
    store, factory, log = Store(engine), run_factory(None), Log(io.StringIO())
    settings = ControllerSettings(Modes("observe"), Timing(3600.0, 3600.0))
    running = Controller(store, Folder((Path(folder),)), settings, factory, log)
    thread = threading.Thread(target=running.run)
    thread.start()
    _after_runs(store, 1)
    _woken(running, store, 2)  # warm
    before, numbers = peak_mib(), dict[str, float]()
    with timed(numbers, "runs "):
        for number in range(runs):
            _woken(running, store, 3 + number)
    manifest = load([Path(folder)], KINDS).portals["partners"]
    pollers = Pollers(lambda _: (manifest, Run({"partners": Server(url, TOKEN)})))
    pollers.pending("partners")
    with timed(numbers, "polls "):
        for _ in range(polls):
            pollers.pending("partners")
    pollers.close()
    running.stop.ask()
    thread.join()
    growth = peak_mib() - before
    return {"run cpu": numbers["runs cpu"] / runs, "poll cpu": numbers["polls cpu"] / polls, "growth": growth}


def _woken(running: Controller, store: Store, count: int) -> None:
    running.loop.wake("partners", "manual")
    _after_runs(store, count)


def _after_runs(store: Store, count: int) -> None:
    """Wait until so many runs have ended."""
    while sum(run.state != "running" for run in store.runs("partners", 1000)) < count:
        time.sleep(0.02)


def _calls(seen: Iterable[Event]) -> int:
    return next(event.calls for event in seen if isinstance(event, ReadDone))


class _CachedPages(Client):
    """Answers from files, in place of a network."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Server("http://127.0.0.1:1", TOKEN))
        self._folder = folder

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        precheck: Callable[[], None] = lambda: None,
    ) -> Answer:
        precheck()
        assert not body
        assert not form
        assert not headers
        below, number = path.partition(population.PORTAL_ID)[2], int((params or {}).get("page[number]", 1))
        return Answer(f"{method} {path}", 200, (self._folder / page_file(below, number)).read_bytes(), None, "")


def page_file(path: str, number: int) -> str:
    """The file's name of a page, by its path below the portal."""
    return f"{path.strip('/').replace('/', '-') or 'portal'}-{number}.json"


def _cached(manifest: Manifest, folder: Path) -> Snapshot:
    client = _CachedPages(folder)
    portal = manifest.portals["partners"]
    with KonnectPortal(
        client,
        DIALECTS["konnect"],
        name="partners",
        portal_id=portal.id,
        title=None,
        now=lambda: "2026-06-01T00:00:00Z",
        observer=ignore,
        workers=1,  # files make nobody wait
    ) as provider:
        return provider.read(Rulebook.of(portal, TODAY).scope)


WORK: Mapping[str, Callable[..., dict[str, float]]] = {
    item.__name__: item
    for item in (plan, bare, decide, read_files, safe_load, apply, group, bare_group, controller, wake, days, pages)
}

if __name__ == "__main__":
    found = WORK[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps({**found, "peak": peak_mib()}))
