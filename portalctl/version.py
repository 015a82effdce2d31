"""The version, alone in a module so that `portalctl --version` imports nothing else."""

__version__ = "0.1.0"
GENERATOR = f"portalctl {__version__}"  # the origin in documents
