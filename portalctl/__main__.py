"""`python -m portalctl`."""

from portalctl.cli.main import main

main()
