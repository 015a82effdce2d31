"""Notify a chat or another program of the result of a run, and of each removal as it happens.

A message is JSON with a `text`, which Slack and compatible programs show. Messages are sent one after the other from
a thread of their own, so that a slow receiver does not delay a write. A message that cannot be sent is a warning.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from portalctl.errors import NoAnswerError
from portalctl.events import Event, Observer, Sent, Warned
from portalctl.http import Webhook
from portalctl.output.escaping import chat

TIMEOUT = 10.0  # seconds for one message
LAST_WORDS = 30.0  # seconds that the end of a run waits for messages that are still to go out

Message = Mapping[str, object]


class Notifier:
    """Sends messages in the order they are given. Without a webhook it does nothing."""

    def __init__(self, webhook: Webhook | None, warn: Observer) -> None:
        self._webhook = webhook
        self._warn = warn
        self._warned = False
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name="notify", daemon=True)

    def __enter__(self) -> Self:
        if self._webhook is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._webhook is None:
            return
        self._waiting.put(None)
        self._thread.join(LAST_WORDS)
        if self._thread.is_alive():
            self._failed("some were not sent in time")

    def __call__(self, message: Message) -> None:
        self._waiting.put(message)

    def _send_all(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                assert self._webhook is not None  # noqa: S101 (the thread runs only with one)
                status = self._webhook.post(message)
                if not 200 <= status < 300:
                    self._failed(f"the receiver returned {status}")
            except NoAnswerError as error:
                self._failed(error.message)
            except Exception as error:
                self._failed(type(error).__name__)

    def _failed(self, why: str) -> None:
        """Warn once: a receiver that fails for one message fails for the others too."""
        if not self._warned:
            self._warned = True
            self._warn(Warned(f"a notification could not be sent: {why}"))


@dataclass(frozen=True, slots=True)
class Announcer:
    """An observer that passes all events on, and sends a message for each removal once the portal accepted it."""

    removals: Collection[str]  # ids of the changes that remove access
    notify: Notifier
    mask: Callable[[str], str]
    next: Observer

    def __call__(self, event: Event) -> None:
        if isinstance(event, Sent) and event.change in self.removals:
            self.notify(removal(event, self.mask))
        self.next(event)


def removal(event: Sent, mask: Callable[[str], str]) -> Message:
    """Return the message about one change that removes access."""
    who = mask(event.subject)
    text = f"{chat(event.portal)}: {chat(who)} {chat(event.what)}"
    return {"version": 1, "kind": "removal", "text": text, "portal": event.portal, "who": who}
