"""How each of the two services spells what it says. Sources are named in Api7Behaviour where they leave a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portalctl.simulator.api7.behaviour import Api7Behaviour, Time
from portalctl.simulator.message import Answer, Json, json_answer

_TEXT = "text/plain; charset=utf-8"


class Dialect(Protocol):
    """One service's spelling."""

    def time(self, time: datetime) -> str | int: ...

    def one(self, value: Json) -> Answer:
        """A single object that was read or changed."""
        ...

    def created(self, value: Json) -> Answer: ...

    def many(self, items: Sequence[Json], total: int) -> Answer:
        """A list, or a page of one that has `total` items in all."""
        ...

    def deleted(self, value: Json) -> Answer: ...

    def decided(self, value: Json) -> Answer:
        """After accept and reject."""
        ...

    def error(self, status: int, text: str) -> Answer: ...


def spelled(time: datetime, form: Time) -> str | int:
    """RFC 3339 in UTC with whole seconds, or seconds since the epoch."""
    if form == "epoch":
        return int(time.timestamp())
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Envelopes `{value}`, `{list, total}`, `{error_msg}`, and 200 for every write."""

    behaviour: Api7Behaviour

    def time(self, time: datetime) -> str | int:
        return spelled(time, self.behaviour.dashboard_times)

    def one(self, value: Json) -> Answer:
        return self._success({"value": value} if self.behaviour.envelope == "value" else value)

    def created(self, value: Json) -> Answer:
        return self.one(value)

    def many(self, items: Sequence[Json], total: int) -> Answer:
        if items or self.behaviour.empty_list == "list":
            return self._success({"list": list(items), "total": total})
        return self._success({"total": total} | ({"list": None} if self.behaviour.empty_list == "null" else {}))

    def deleted(self, value: Json) -> Answer:
        if self.behaviour.write_answer == "204":
            return Answer(204)
        return self.one(value) if self.behaviour.write_body == "value" else Answer(200)

    def decided(self, value: Json) -> Answer:
        return self.deleted(value)

    def error(self, status: int, text: str) -> Answer:
        match self.behaviour.dashboard_errors:
            case "empty":
                return Answer(status)
            case "text":
                return Answer(status, text.encode(), _TEXT)
            case key:
                return json_answer(status, {key: text})

    def _success(self, value: Json) -> Answer:
        warning = {"warning_msg": self.behaviour.warning} if self.behaviour.warning else {}
        return json_answer(200, {**value, **warning} if isinstance(value, dict) else value)


@dataclass(frozen=True, slots=True)
class Backend:
    """Bare objects, `{list, total}`, `{status, message}`; 201 for what is new, 204 for what is gone."""

    behaviour: Api7Behaviour

    def time(self, time: datetime) -> str | int:
        return spelled(time, self.behaviour.backend_times)

    def one(self, value: Json) -> Answer:
        return json_answer(200, value)

    def created(self, value: Json) -> Answer:
        return Answer(201) if value is None else json_answer(201, value)

    def many(self, items: Sequence[Json], total: int) -> Answer:
        return json_answer(200, {"list": list(items), "total": total})

    def deleted(self, value: Json) -> Answer:  # noqa: ARG002  # the Dashboard shows what it deleted
        return Answer(204)

    def decided(self, value: Json) -> Answer:  # noqa: ARG002
        return Answer(200)

    def error(self, status: int, text: str) -> Answer:
        return json_answer(status, {"status": status, "message": text})
