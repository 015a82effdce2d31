"""`python -m portalctl`.

Without `-I` or `-P` Python puts the working folder first on its path. A folder `portalctl` in it then runs instead of
this package, and nothing here can prevent that. Use `python -I -m portalctl` where others can write to that folder.
"""

import contextlib
import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        with contextlib.suppress(ValueError, FileNotFoundError):  # not on the path; a deleted folder
            sys.path.remove(os.getcwd())  # noqa: PTH109 (pathlib would be imported from that folder)

    from portalctl.cli.main import main

    main()
