"""Manifests that are right, for several tests."""

from __future__ import annotations

from pathlib import Path

from portalctl.manifest.files import File

BROKEN = Path(__file__).parent / "broken"

#: Every key there is.
COMPLETE = """\
version: 1
portal:
  name: partners
  provider: konnect
  region: eu
  id: 3f51fa25-310a-421d-bd1a-007f859021a3

policy:
  unmatched: {pending: keep, approved: revoked}
  reinstate: false
  require_verified_email: true
  on_revoke: report
  allow_delete: false
  limits: {removals: 12, removals_percent: 10, team_percent: 50, expires: 2026-12-31}

trusted_domains:
  - arsenal.com
  - domain: manchestercity.com
    subdomains: false
    teams: [city]
    reason: "Partner since 2023"
    review_by: 2027-01-31
    expires: 2028-01-31

denied_domains:
  - domain: mailinator.com

teams:
  - name: city
    description: Manchester City
    membership: additive
    members:
      - James@ManchesterCity.com
      - {developer: sam@agency.example, expires: 2027-03-31, reason: "Integration"}
  - name: partners-readonly
  - {name: empty, members: [], synced: false}

overrides:
  - developer: peter@arsenal.com
    status: revoked
    reason: "Left the club, HR-4711"
  - developer: contractor@gmail.com
    status: approved
    teams: [city]
    reason: >
      Integration project
    expires: 2027-03-31
    id: 5b0c0b5e-0c1d-4e2f-8a3b-4c5d6e7f8091
    reinstate: true
    on_revoke: revoke_registrations

protected: [owner@example.com]

delegate:
  teams/city.yaml: {teams: [city], domains: [manchestercity.com], overrides: true}
"""

ROOT = "version: 1\nportal: {name: partners, provider: konnect, title: Partners}\n"
API7 = "version: 1\nportal: {name: partners, provider: api7, title: Partners}\n"


def file(text: str | bytes, name: str = "portal.yaml") -> File:
    """A file below /checkout, as `read_files` would give it."""
    return File(name, name, f"/checkout/{name}", text.encode() if isinstance(text, str) else text)
