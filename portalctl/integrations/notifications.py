"""Notify a chat or another program of the result of a run, and of each removal when the portal accepts it.

A message is JSON with a `text`, which Slack and compatible programs show. A separate thread sends the messages one
after the other, so that a slow receiver does not delay a write. A message that cannot be sent causes a warning.
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
FINAL_WAIT = 30.0  # seconds to wait at the end of a run for messages that are not sent yet

Message = Mapping[str, object]


class Notifier:
    """Sends messages in the order of the calls. Does nothing without a webhook."""

    def __init__(self, webhook: Webhook | None, warn: Observer) -> None:
        self._webhook = webhook
        self._warn = warn
        self._warned = False
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
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
        self._queue.put(None)
        self._thread.join(FINAL_WAIT)
        if self._thread.is_alive():
            self._failed(f"not all were sent within {FINAL_WAIT:.0f} s")

    def __call__(self, message: Message) -> None:
        self._queue.put(message)

    def _send_all(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                assert self._webhook is not None  # noqa: S101 (the thread only runs if there is one)
                status = self._webhook.post(message)
                if not 200 <= status < 300:
                    self._failed(f"the receiver returned {status}")
            except NoAnswerError as error:
                self._failed(error.message)
            except Exception as error:
                self._failed(type(error).__name__)

    def _failed(self, cause: str) -> None:
        """Warn once: a receiver that fails for one message will probably fail for the others."""
        if not self._warned:
            self._warned = True
            self._warn(Warned(f"a notification could not be sent: {cause}"))


@dataclass(frozen=True, slots=True)
class Announcer:
    """An observer that sends a message for each removal that the portal accepted, and forwards all events."""

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
    developer = mask(event.subject)
    text = f"{chat(event.portal)}: {chat(developer)} {chat(event.what)}"
    return {"version": 1, "kind": "removal", "text": text, "portal": event.portal, "who": developer}
