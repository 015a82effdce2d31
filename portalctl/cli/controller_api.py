"""The API of `portalctl run`: its settings from the command line and the environment, and what listens."""

from __future__ import annotations

import os
import secrets
from functools import partial

from portalctl.cli.masking import mask_key
from portalctl.cli.paths import manifest_paths
from portalctl.cli.run_options import RunOptions
from portalctl.controller.access import Access
from portalctl.controller.api.app import create_app
from portalctl.controller.api.endpoint import Services
from portalctl.controller.listening import ListenSettings, check_listening, parse_listen
from portalctl.controller.logs import Log
from portalctl.controller.server import ApiServer
from portalctl.controller.service import Controller, Serve
from portalctl.controller.store import Store
from portalctl.controller.webhooks import check_secrets
from portalctl.errors import PortalctlError
from portalctl.output.masks import Mask
from portalctl.run_context import utc_now


def listen_settings(options: RunOptions) -> ListenSettings:
    """Return where and how the API listens. Raises BadUsageError for what is incomplete, unsafe or not valid."""
    host, port = parse_listen(options.listen)
    settings = ListenSettings(
        host=host,
        port=port,
        tokens=options.tokens,
        certificate=options.certificate,
        key=options.key,
        public_url=options.public_url,
        proxies=options.trusted_proxies,
        user_header=options.user_header,
        manifest=manifest_paths(options.paths) if options.git is None else (options.state / "manifests",),
    )
    check_listening(settings, os.environ)
    check_secrets(os.environ)
    return settings


def serving(settings: ListenSettings, store: Store, log: Log) -> Serve:
    """Return what listens while a controller runs. Raises BadUsageError for an unusable token file or mask key."""
    access = Access(settings, os.environ, partial(_warn, log, "tokens"))
    key = mask_key()
    mask = partial(Mask, key or secrets.token_bytes(32), lasting=key is not None)

    def serve(controller: Controller) -> ApiServer:
        services = Services(
            hub=controller.hub,
            store=store,
            access=access,
            env=os.environ,
            mask=mask,
            clock=utc_now,
            metrics=controller.metrics_text,
            count=controller.metrics.request,
            log=log,
        )
        return ApiServer(create_app(services), settings, partial(_warn, log, "certificate"))

    return serve


def _warn(log: Log, event: str, error: PortalctlError) -> None:
    log.warning(event, error=error.message)
