"""portalctl as a library: `load`, `read`, `plan` and `apply` do what the commands do, and give typed values.

    import os
    import portalctl

    manifest = portalctl.load("portals/")
    server = portalctl.Server("https://eu.api.konghq.com", os.environ["KONNECT_TOKEN"])
    run = portalctl.Run({"partners": server})
    reading = portalctl.read(manifest, run)  # everybody and every team, to plan from: Run({}, snapshot=reading)
    plan = portalctl.plan(manifest, run)  # sends nothing but GET
    for change in plan.portals[0].changes:
        print(change.op, change.developer, change.team, change.why)
    reports = portalctl.apply(plan, run)  # raises RefusedError before any write, or tells what became of each change

Nothing here reads the environment or prints. Errors are those of `portalctl.errors`. Importing this imports nothing
heavy: what a verb needs is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from portalctl.apply.model import PortalReport
    from portalctl.flow import Run
    from portalctl.manifest.model import Manifest
    from portalctl.plan.base import Base
    from portalctl.plan.model import Plan
    from portalctl.plan.select import Selection
    from portalctl.portal.saved_snapshot import SavedSnapshot

Function = TypeVar("Function", bound="Callable[..., object]")

VALUES = {"Run": "portalctl.flow", "Server": "portalctl.http"}  # what a run is made with; these rooms are heavy


def named(name: str) -> object:
    """What `portalctl` offers besides its verbs. Raises AttributeError for anything else."""
    if name not in VALUES:
        raise AttributeError(f"module 'portalctl' has no attribute {name!r}")
    value: object = getattr(import_module(VALUES[name]), name)
    return value


class _Verb(ModuleType):
    """A room that can be called: `portalctl.plan` is a package, and `portalctl.plan()` makes a plan.

    A function of that name would hide the package, or be hidden by it, as the order of imports happens to be.
    """

    __wrapped__: Callable[..., object]  # where `inspect.signature` looks too

    def __call__(self, *arguments: object, **named: object) -> object:
        return self.__wrapped__(*arguments, **named)


def _room(function: Function) -> Function:
    """The package that has this function's name, which from now on does what the function does when called."""
    room = import_module(f"portalctl.{function.__name__}")
    room.__class__ = _Verb
    room.__doc__ = function.__doc__
    vars(room)["__wrapped__"] = function
    return cast(Function, room)


def load(*paths: str | PathLike[str]) -> Manifest:
    """What files and folders say together. Raises InputError with everything that is wrong, each at its place."""
    from pathlib import Path  # noqa: PLC0415 (heavy; see above)

    from portalctl.manifest import load as files  # noqa: PLC0415 (heavy; see above)

    return files.load([Path(path) for path in paths])


def read(manifest: Manifest, run: Run) -> SavedSnapshot:
    """A reading of every portal of the manifest, with all its people and teams. Sends nothing but GET.

    To plan from it, make a `Run` with it as `snapshot`. Raises InputError for what a portal cannot do, and
    PortalError where the reading is not provably complete.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)

    return flow.take_snapshot(manifest, run)


@_room
def plan(manifest: Manifest, run: Run, selection: Selection | None = None, base: Base | None = None) -> Plan:
    """What `apply` would do now, and why. Sends nothing but GET.

    `selection` chooses a part, `base` is a manifest to compare with. Refusals are in the plan; raises as `read` does.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)
    from portalctl.plan.select import Selection  # noqa: PLC0415 (heavy; see above)

    return flow.plan(manifest, run, selection or Selection(), base)


@_room
def apply(plan: Plan, run: Run) -> tuple[PortalReport, ...]:
    """Carry a plan out, and tell what became of each change: confirmed only what was seen on the portal.

    Raises RefusedError for a plan that is refused or stale, and PortalError for an unreadable portal; nothing was
    written then.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)

    return flow.apply(plan, run)
