"""Everything a training run needs to go on exactly where it stopped."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PatchICLLib.errors import InputError


@dataclass
class Checkpoint:
    """State after ``step`` steps; generators' states make the noise of selection go on as well."""

    step: int
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    noise: Tensor
    recipe: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write beside and move into place, so that a crash leaves the previous checkpoint."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        torch.save(vars(self), unfinished)
        os.replace(unfinished, path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read without running any code from the file.

        Raises:
            InputError: missing or damaged file.
        """
        if not path.exists():
            raise InputError(f"There is no checkpoint to resume from at {path}.")
        foreign = f"{path} is no checkpoint of a training, or damaged: delete it to start anew."
        if not zipfile.is_zipfile(path):
            raise InputError(foreign)
        try:
            return cls(**torch.load(path, map_location="cpu", weights_only=True))
        except OSError as error:
            raise InputError(f"The checkpoint {path} cannot be read ({error.strerror}).") from error
        except (RuntimeError, TypeError, pickle.UnpicklingError) as error:
            raise InputError(foreign) from error
