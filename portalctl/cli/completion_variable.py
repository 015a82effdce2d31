"""How a shell asks."""

COMPLETE = "_PORTALCTL_COMPLETE"  # click's name for the variable by which completions are asked for
