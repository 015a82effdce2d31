"""The two versions of Konnect's Portal Management API, as far as they differ for us.

Facts about the API here and beside are from the vendor's OpenAPI documents (portal-management v3 3.9.8, v2 2.2.2)
unless a line names another source. Answers are read tolerantly, so that most differences need no code: fields that a
version lacks are None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """`prefix` begins every path. `team_applications`: teams can own applications, not only developers.
    `provider_mappings`: each identity provider has team-group mappings of its own. `email_templates`: the portal
    reports which e-mails it sends."""

    prefix: str
    team_applications: bool
    provider_mappings: bool
    email_templates: bool


# By the manifest's `provider`.
DIALECTS: Mapping[str, ApiVersion] = {
    "konnect": ApiVersion("/v3", team_applications=True, provider_mappings=True, email_templates=True),
    "konnect-v2": ApiVersion("/v2", team_applications=False, provider_mappings=False, email_templates=False),
}
