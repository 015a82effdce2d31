from typing import TYPE_CHECKING

from portalctl.library import apply as apply
from portalctl.library import load as load
from portalctl.library import plan as plan
from portalctl.library import read as read
from portalctl.version import __version__ as __version__

if TYPE_CHECKING:
    from portalctl.flow import Run as Run
    from portalctl.http import Server as Server
else:
    from portalctl.library import named as __getattr__  # noqa: F401 (Python asks it for what is not here)
