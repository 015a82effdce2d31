"""The address and the credential of a directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Access:
    """The address and the credential of a directory, from environment variables.

    `prefix` is the start of their names (`PORTALCTL_DIRECTORY_CORP`). Messages name `url_source` and `secret_source`.
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
