"""Draws the picture of the README, a plan as HTML: `python -m tests.project.write_picture`. Needs chromium."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.docs.console import ROOT, Command, run, world

PICTURE = ROOT / ".github" / "plan.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as name, world(Path(name) / "portal-access") as env:
        folder = Path(name) / "portal-access"
        (result,) = run([Command("portalctl plan -o html > plan.html", ())], folder, env)
        if result.code != 0:
            raise SystemExit(result.output)
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                "--window-size=1000,760",
                f"--screenshot={PICTURE}",
                (folder / "plan.html").as_uri(),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
