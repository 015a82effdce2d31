from portalctl.library import apply as apply
from portalctl.library import load as load
from portalctl.library import plan as plan
from portalctl.library import read as read
from portalctl.version import __version__ as __version__
