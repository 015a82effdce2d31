# The parts of this package that others use. It is the only importer of httpx.
from portalctl.http.answer import Answer as Answer
from portalctl.http.answer import parse_json as parse_json
from portalctl.http.bounds import RequestLimits as RequestLimits
from portalctl.http.client import Client as Client
from portalctl.http.server import READ_ONLY as READ_ONLY
from portalctl.http.server import READ_WRITE as READ_WRITE
from portalctl.http.server import SIGN_IN as SIGN_IN
from portalctl.http.server import Auth as Auth
from portalctl.http.server import Server as Server
from portalctl.http.throttle import LargePages as LargePages
from portalctl.http.throttle import Throttles as Throttles
from portalctl.http.webhook import Webhook as Webhook
