"""``python -m PatchICLLib.worker``: started by ``WorkerClient``, not by people."""

import os
import sys

from PatchICLLib.worker.server import main

if __name__ == "__main__":
    exit_code = main()
    sys.stderr.flush()
    os._exit(exit_code)  # at once: the reading thread still waits, and libraries may crash while the interpreter ends
