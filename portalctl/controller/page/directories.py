"""The page of the directories that rules take groups from."""

from __future__ import annotations

from portalctl.controller.api.endpoint import ApiRequest, Services
from portalctl.controller.api.portals import mask_for
from portalctl.controller.page.frame import Shown, shown
from portalctl.output.masked_documents import masked


def directories(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/directories`."""
    mask, found = mask_for(services, request), services.hub.directories()
    views = [masked(view, mask) for view in found] if mask is not None else list(found)
    return shown(services, request, "directories.html", current="/directories", views=views)
