"""Everything behind the PatchICL Segment module: scene access, state, overlays, installation and the panel.

Only `Panel` knows Qt. The other files run on any MRML scene, with or without the Slicer application.
"""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("PatchICLLib") is None:
    # In a source tree the library lies beside the module's folder; an installed extension has it on the path already.
    _sourceTree = Path(__file__).resolve().parents[2]
    if (_sourceTree / "PatchICLLib" / "__init__.py").exists():
        sys.path.insert(0, str(_sourceTree))
