"""Threads that work on one task at a time: a task goes in, its outcome comes out, and nothing else is shared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers(Generic[T, R]):
    """Calls `work` for each task, in a thread for each task under way. Used by one thread, which owns it.

    An executor would keep a task for which it could not start a thread, without a way to hear of its outcome.
    """

    def __init__(self, work: Callable[[T], R], name: str) -> None:
        self._work = work
        self._name = name
        self._tasks: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[int, R | BaseException]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._given = 0
        self.active = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def give(self, task: T) -> int:
        """Hand a task to a worker and return its number. Raises RuntimeError where no thread can be started."""
        if self.active >= len(self._threads):
            thread = threading.Thread(target=self._run, name=f"portalctl-{self._name}-{len(self._threads)}")
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # those there are do its work as well
                if not self._threads:
                    raise
        self._given += 1
        self.active += 1
        self._tasks.put((self._given, task))
        return self._given

    def next_outcome(self) -> tuple[int, R]:
        """Wait for the outcome of some task under way, and return it with the task's number.

        Raises what `work` raised.
        """
        number, outcome = self._ended.get()
        self.active -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return number, outcome

    def _run(self) -> None:
        while (given := self._tasks.get()) is not None:
            number, task = given
            try:
                self._ended.put((number, self._work(task)))
            except BaseException as error:  # raised again in the thread that owns the workers
                self._ended.put((number, error))
