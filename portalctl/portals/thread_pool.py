"""Threads for many short calls of one kind, such as the pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import count
from operator import itemgetter
from threading import Event
from types import TracebackType
from typing import Self, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Pool:
    """A limited number of calls at a time, which may use the pool themselves.

    Leaving it waits for running calls only; an interrupt, which may come while the portal lets all calls wait, waits
    for nothing. The caller makes calls too, and each thread makes calls until none remains: a task for each call, as
    in an executor, takes half as long as decoding a page. `name` is the prefix of the threads' names."""

    def __init__(self, workers: int, name: str) -> None:
        self._workers = workers
        self._left = Event()
        self._threads = ThreadPoolExecutor(max(1, workers - 1), thread_name_prefix=f"portalctl-{name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._threads.shutdown(wait=kind is not KeyboardInterrupt, cancel_futures=True)

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return the results of `function` for each item, in their order.

        Raises what a call raised; no further call begins then. Raises CancelledError, which only another thread can
        see, when the pool is left in between."""
        results = list(items)
        turns, stop = count(), Event()

        def work() -> list[tuple[int, B]]:
            done = []
            try:
                while not (stop.is_set() or self._left.is_set()) and (turn := next(turns)) < len(results):
                    done.append((turn, function(results[turn])))
            except BaseException:
                stop.set()
                raise
            return done

        helpers = [self._threads.submit(work) for _ in range(min(self._workers, len(results)) - 1)]
        try:
            done = work()
            for helper in helpers:
                if not helper.cancel():  # one that has not begun would find no call
                    done += helper.result()
        finally:
            stop.set()  # also when the wait is interrupted
        if len(done) < len(results):
            raise CancelledError
        return [result for _, result in sorted(done, key=itemgetter(0))]

    def both(self, one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
        """Return the results of two calls that run in parallel. Raises what one raised, `one` before `other`."""
        helper = self._threads.submit(other)
        first = one()
        return first, other() if helper.cancel() else helper.result()
