"""Where a directory is and with which credential it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Access:
    """Where a directory is, and what opens it: everything that the environment says of it.

    `prefix` begins the names of its variables (`PORTALCTL_DIRECTORY_CORP`); `url_source` and `secret_source` are what
    messages name.
    """

    url: str
    secret: str = field(repr=False)
    prefix: str
    user: str | None = None
    tenant: str | None = None
    token_url: str | None = None
    ca_file: Path | None = None
    url_source: str = ""
    secret_source: str = ""
