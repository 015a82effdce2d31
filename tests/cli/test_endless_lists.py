"""Lists that do not end, or do not add up, from a real server: each is given up in time, with one clear line."""

from __future__ import annotations

import itertools
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.test_api7 import Bench as Api7Bench
from tests.cli.test_api7 import make as make  # noqa: PLC0414 (a fixture)
from tests.conftest import PORTAL_ID, Bench, Done

Answer = Callable[[int, int], tuple[list[dict[str, Any]], Any]]  # page, and how many came before → rows and total
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own


def rows(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"00000000-0000-4000-8000-{first + number:012}",
            "developer_id": f"org_{first + number}",
            "email": f"d{first + number}@city.example",
            "status": "approved",
            "state": "Active",
        }
        for number in range(count)
    ]


@contextmanager
def listing(answer: Answer, path: str, asked: list[str]) -> Iterator[str]:
    """A portal whose lists are empty but the one at the end of `path`."""
    served = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(self.path)
            query = parse_qs(parts.query)
            number = int((query.get("page[number]") or query.get("page") or ["1"])[0])
            if parts.path.endswith(path):
                self.show(*answer(number, next(served)))
            elif parts.path.endswith(PORTAL_ID):
                self.send({"id": PORTAL_ID, "name": "partners"})
            elif parts.path.endswith("/identity-providers"):
                self.send([])  # a bare list, unlike the others
            elif parts.path == "/api/portals":
                self.show([{"id": "portal-1", "name": "Partners"}], 1)
            else:
                self.show([], 0)

        def show(self, found: list[dict[str, Any]], total: Any) -> None:
            self.send({"data": found, "list": found, "total": total, "meta": {"page": {"total": total}}})

        def send(self, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


CASES: dict[str, Answer] = {
    "the total grows with each page": lambda page, served: (rows(100 * (page - 1), 100), 300 + 100 * served),
    "the total grows by one each time": lambda page, served: (rows(100 * (page - 1), 100), 101 + served),
    "the same page for ever": lambda _page, _served: (rows(0, 100), 50_000),
    "the same page while the total grows": lambda _page, served: (rows(0, 100), 5_000 + served),
    "pages of no rows": lambda _page, _served: ([], 10),
    "pages of one row and a huge total": lambda page, _served: (rows(page, 1), 1_000_000),
    "an empty page in the middle": lambda page, _served: (rows(100 * (page - 1), 0 if page == 2 else 100), 300),
    "a list that shrinks": lambda page, served: (rows(100 * (page - 1), 100), max(0, 500 - served)),
    "duplicates": lambda page, _served: (rows(50 * (page - 1), 100), 300),
    "more rows than the total": lambda _page, _served: (rows(0, 200), 100),
    "a total of 1e18": lambda page, _served: (rows(page, 100), 10**18),
    "a negative total": lambda page, _served: (rows(page, 100), -1),
    "a total that is text": lambda page, _served: (rows(page, 100), "100"),
    "a total that is no whole number": lambda page, _served: (rows(page, 100), 100.5),
    "a total that is not a number": lambda page, _served: (rows(page, 100), float("nan")),
    "a total without end": lambda page, _served: (rows(page, 100), float("inf")),
    "a total that is true": lambda page, _served: (rows(page, 1), True),
    "60,000 rows that are wrong": lambda _page, _served: ([{"id": 7, "x" * 50: 1}] * 60_000, 60_000),
}
QUICK = ("the total grows with each page", "the same page for ever", "a total that is true")


def most_memory() -> int:
    """The most that this process has used so far, in kB; other tests run in it, too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def check(done: Done, began: float, memory: int) -> None:
    assert done.code == 1, done.out[:2000] + done.err[:2000]
    assert len([line for line in done.err.splitlines() if line.startswith("error: ")]) == 1
    assert len(done.err) < 2_000
    assert "internal error" not in done.err
    assert time.monotonic() - began < 90
    assert most_memory() - memory < 200_000


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] * (c not in QUICK)) for c in CASES])
@pytest.mark.parametrize("path", ["/developers", pytest.param("/teams", marks=pytest.mark.slow)])
def test_a_list_that_does_not_add_up_ends_in_time(bench: Bench, case: str, path: str) -> None:
    bench.manifest("trusted_domains: [city.example]\n")
    asked: list[str] = []
    with listing(CASES[case], path, asked) as url:
        began, memory = time.monotonic(), most_memory()
        done = bench.run("apply", "--yes", KONNECT_SERVER_URL=url)
    check(done, began, memory)
    assert len(asked) < 300


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.slow] * (n > 0)) for n, c in enumerate([*CASES, "no total, no end"])]
)
def test_a_list_that_does_not_add_up_ends_in_time_on_api7(make: Callable[..., Api7Bench], case: str) -> None:
    bench = make()
    bench.manifest("trusted_domains: [city.example]\n")
    endless: Answer = lambda page, _served: (rows(100 * (page - 1), 100), None)  # noqa: E731
    asked: list[str] = []
    with listing(CASES.get(case, endless), "/api/developers", asked) as url:
        began, memory = time.monotonic(), most_memory()
        done = bench.run("apply", "--yes", backend=False, env={"API7_SERVER": url})
    check(done, began, memory)
    assert len(asked) < 2_000


@pytest.mark.parametrize(("rows_a_page", "count"), [(1, 30), (10, 250), (100, 100), (5_000, 5_000)])
def test_a_list_that_adds_up_is_read_whatever_its_pages_are(bench: Bench, rows_a_page: int, count: int) -> None:
    def pages(page: int, _served: int) -> tuple[list[dict[str, Any]], Any]:
        first = rows_a_page * (page - 1)
        return rows(first, max(0, min(rows_a_page, count - first))), float(count)

    bench.manifest("")
    with listing(pages, "/developers", []) as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 0, done.err
    assert f"{count:,} developers" in done.out
