"""The spelling of answers of each of the two services. Api7Behaviour names the sources where they leave a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portalctl.simulator.api7.behaviour import Api7Behaviour, Time
from portalctl.simulator.message import Json, SimulatedAnswer, json_answer

_TEXT = "text/plain; charset=utf-8"


class ServiceDialect(Protocol):
    """One service's spelling."""

    def time(self, time: datetime) -> str | int: ...

    def one(self, value: Json) -> SimulatedAnswer:
        """A single object that was read or changed."""
        ...

    def created(self, value: Json) -> SimulatedAnswer: ...

    def many(self, items: Sequence[Json], total: int) -> SimulatedAnswer:
        """A list, or a page of one that has `total` items in all."""
        ...

    def deleted(self, value: Json) -> SimulatedAnswer: ...

    def decided(self, value: Json) -> SimulatedAnswer:
        """After accept and reject."""
        ...

    def error(self, status: int, text: str) -> SimulatedAnswer: ...


def spelled(time: datetime, form: Time) -> str | int:
    """RFC 3339 in UTC with whole seconds, or seconds since the epoch."""
    if form == "epoch":
        return int(time.timestamp())
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class DashboardDialect:
    """Envelopes `{value}`, `{list, total}`, `{error_msg}`, and 200 for every write."""

    behaviour: Api7Behaviour

    def time(self, time: datetime) -> str | int:
        return spelled(time, self.behaviour.dashboard_times)

    def one(self, value: Json) -> SimulatedAnswer:
        return self._success({"value": value} if self.behaviour.envelope == "value" else value)

    def created(self, value: Json) -> SimulatedAnswer:
        return self.one(value)

    def many(self, items: Sequence[Json], total: int) -> SimulatedAnswer:
        if items or self.behaviour.empty_list == "list":
            return self._success({"list": list(items), "total": total})
        return self._success({"total": total} | ({"list": None} if self.behaviour.empty_list == "null" else {}))

    def deleted(self, value: Json) -> SimulatedAnswer:
        if self.behaviour.write_answer == "204":
            return SimulatedAnswer(204)
        return self.one(value) if self.behaviour.write_body == "value" else SimulatedAnswer(200)

    def decided(self, value: Json) -> SimulatedAnswer:
        return self.deleted(value)

    def error(self, status: int, text: str) -> SimulatedAnswer:
        match self.behaviour.dashboard_errors:
            case "empty":
                return SimulatedAnswer(status)
            case "text":
                return SimulatedAnswer(status, text.encode(), _TEXT)
            case key:
                return json_answer(status, {key: text})

    def _success(self, value: Json) -> SimulatedAnswer:
        warning = {"warning_msg": self.behaviour.warning} if self.behaviour.warning else {}
        return json_answer(200, {**value, **warning} if isinstance(value, dict) else value)


@dataclass(frozen=True, slots=True)
class BackendDialect:
    """Bare objects, `{list, total}`, `{status, message}`; 201 for what is new, 204 for what is gone."""

    behaviour: Api7Behaviour

    def time(self, time: datetime) -> str | int:
        return spelled(time, self.behaviour.backend_times)

    def one(self, value: Json) -> SimulatedAnswer:
        return json_answer(200, value)

    def created(self, value: Json) -> SimulatedAnswer:
        return SimulatedAnswer(201) if value is None else json_answer(201, value)

    def many(self, items: Sequence[Json], total: int) -> SimulatedAnswer:
        return json_answer(200, {"list": list(items), "total": total})

    def deleted(self, value: Json) -> SimulatedAnswer:  # noqa: ARG002  # the Dashboard shows what it deleted
        return SimulatedAnswer(204)

    def decided(self, value: Json) -> SimulatedAnswer:  # noqa: ARG002
        return SimulatedAnswer(200)

    def error(self, status: int, text: str) -> SimulatedAnswer:
        return json_answer(status, {"status": status, "message": text})
