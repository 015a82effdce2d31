"""Threads that work on one task at a time for one thread that owns all state.

A task goes in and its outcome comes out. While a worker works it may ask the owner a question and wait for the
answer. Nothing else is shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class _Question(Generic[Q, A]):
    question: Q
    reply: SimpleQueue[A | BaseException]


class Workers(Generic[T, R, Q, A]):
    """Calls `work` for each task, in a thread for each task in flight.

    One thread owns and uses it. An executor of the standard library would keep a task for which it could not start a
    thread, and never report its outcome. Args: work: receives a task, and a function that asks the owner a question.
    answer: answers a question, in the owner's thread. The worker receives what it raises."""

    def __init__(self, work: Callable[[T, Callable[[Q], A]], R], answer: Callable[[Q], A], name: str) -> None:
        self._work = work
        self._answer = answer
        self._name = name
        self._tasks: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
        self._messages: SimpleQueue[tuple[int, R | BaseException] | _Question[Q, A]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._submitted = 0
        self.active = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the tasks in flight. A question is not answered any more: the owner was interrupted."""
        for _ in self._threads:
            self._tasks.put(None)
        while self.active:
            message = self._messages.get()
            if isinstance(message, _Question):
                message.reply.put(error or RuntimeError("the workers were left with a task in flight"))
            else:
                self.active -= 1
        for thread in self._threads:
            thread.join()

    def give(self, task: T) -> int:
        """Pass a task to a worker and return its number. Raises RuntimeError where no thread can be started."""
        if self.active >= len(self._threads):
            thread = threading.Thread(target=self._run, name=f"portalctl-{self._name}-{len(self._threads)}")
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # the running ones do its work too
                if not self._threads:
                    raise
        self._submitted += 1
        self.active += 1
        self._tasks.put((self._submitted, task))
        return self._submitted

    def next_outcome(self) -> tuple[int, R]:
        """Wait for the outcome of a task in flight, answer questions, and return the outcome with the task's number.

        Raises what `work` raised.
        """
        while isinstance(message := self._messages.get(), _Question):
            self._reply(message)
        number, outcome = message
        self.active -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return number, outcome

    def _reply(self, asked: _Question[Q, A]) -> None:
        try:
            asked.reply.put(self._answer(asked.question))
        except BaseException as error:
            asked.reply.put(error)
            if not isinstance(error, Exception):
                raise  # an interrupt is the owner's

    def _ask(self, question: Q) -> A:
        """Ask the owner. Raises what `answer` raised."""
        reply: SimpleQueue[A | BaseException] = SimpleQueue()
        self._messages.put(_Question(question, reply))
        answer = reply.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _run(self) -> None:
        while (task_entry := self._tasks.get()) is not None:
            number, task = task_entry
            try:
                self._messages.put((number, self._work(task, self._ask)))
            except BaseException as error:  # raised again in the owner's thread
                self._messages.put((number, error))
