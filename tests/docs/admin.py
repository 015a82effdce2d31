"""Changes a developer on the simulated portal, as an administrator would by hand: `admin ADDRESS STATUS`."""

from __future__ import annotations

import os
import sys

import httpx

from tests.conftest import PORTAL_ID


def main(address: str, status: str) -> None:
    url = f"{os.environ['KONNECT_SERVER_URL']}/v3/portals/{PORTAL_ID}/developers"
    headers = {"Authorization": f"Bearer {os.environ['KONNECT_TOKEN']}"}
    with httpx.Client(headers=headers, trust_env=False) as client:
        developers = client.get(url, params={"page[size]": 100}).raise_for_status().json()["data"]
        (developer,) = [developer for developer in developers if developer["email"] == address]
        client.patch(f"{url}/{developer['id']}", json={"status": status}).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
