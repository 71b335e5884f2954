"""Everything a training run needs to go on exactly where it stopped."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PatchICLLib.errors import InputError
from PatchICLLib.outputs import StagedFiles, write_errors


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
        """Write completely or not at all, so that a crash leaves the previous checkpoint.

        Raises:
            InputError: the file cannot be written, for instance because the disk is full.
        """
        with StagedFiles() as files:
            self.stage(files, path)
            files.commit()

    def stage(self, files: StagedFiles, path: Path) -> None:
        """Write as one of several files that appear together."""
        with write_errors(path, RuntimeError):
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(vars(self), files.path_for(path))

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
