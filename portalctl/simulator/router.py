"""From method and path to an operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from portalctl.simulator.message import Request, SimulatedAnswer

Handler = TypeVar("Handler")


@dataclass(slots=True)
class _Node(Generic[Handler]):
    children: dict[str, _Node[Handler]] = field(default_factory=dict)
    parameter: tuple[str, _Node[Handler]] | None = None
    handlers: dict[str, Handler] = field(default_factory=dict)


class Router(Generic[Handler]):
    """Templates such as `/portals/{portalId}/teams` in a tree; a literal segment wins over a parameter."""

    def __init__(self, routes: Iterable[tuple[str, str, Handler]]) -> None:
        """`routes` are (method, template, handler)."""
        self._root: _Node[Handler] = _Node()
        for method, template, handler in routes:
            self._add(template.split("/")[1:], method, handler)

    def _add(self, segments: list[str], method: str, handler: Handler) -> None:
        node = self._root
        for segment in segments:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = (segment[1:-1], _Node())
                node = node.parameter[1]
            else:
                node = node.children.setdefault(segment, _Node())
        node.handlers[method] = handler

    def allowing(self, request: Request, answer: SimulatedAnswer) -> SimulatedAnswer:
        """A 405 with the header it must have (RFC 9110, 15.5.6): the other methods of this path."""
        handlers, _ = self.find(request.segments)
        others = ", ".join(sorted(handlers.keys() - {request.method}))
        return replace(answer, headers=(*answer.headers, ("Allow", others)))

    def find(self, segments: tuple[str, ...]) -> tuple[dict[str, Handler], dict[str, str]]:
        """The handlers by method, and the parameters by name; no handlers where no template fits."""
        node, parameters = self._root, {}
        for segment in segments:
            child = node.children.get(segment)
            if child is None:
                if node.parameter is None:
                    return {}, {}
                name, child = node.parameter
                parameters[name] = segment
            node = child
        return node.handlers, parameters
