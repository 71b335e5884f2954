"""`python -m PatchICLLib` is the command line `patchicl`."""

from __future__ import annotations

import sys

from PatchICLLib.command_line.app import main

sys.exit(main())
