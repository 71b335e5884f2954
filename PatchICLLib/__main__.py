"""`python -m PatchICLLib` is the command line `patchicl`."""

import sys

import PatchICLLib

# Python has put the working folder first: a file pickle.py in it, where somebody's scans lie, is not the pickle of the
# standard library. Nothing of the latter has been imported by our code until here.
if not sys.flags.safe_path:
    folder = sys.path.pop(0)
    if PatchICLLib.__path__[0].rpartition("PatchICLLib")[0][:-1] == folder:  # the checkout: our processes need it
        sys.path.append(folder)

from PatchICLLib.command_line.app import main  # noqa: E402

sys.exit(main())
