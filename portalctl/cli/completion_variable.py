"""The environment variable by which a shell asks for completions."""

COMPLETE = "_PORTALCTL_COMPLETE"  # click's name for it
