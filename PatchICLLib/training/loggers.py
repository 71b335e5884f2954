"""Where else the log of a training goes: TensorBoard, Weights & Biases."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PatchICLLib.errors import InputError
from PatchICLLib.outputs import StagedFiles

LOGGERS = ("tensorboard", "wandb")
Announce = Callable[[dict[str, Any]], None]


def flat(entry: dict[str, Any]) -> dict[str, float]:
    """Numbers of a log's entry by name, such as "training/loss" and "validation/mean/hints"; the step is left out."""
    numbers = {
        f"training/{name}": float(value)
        for name, value in entry.items()
        if name not in ("step", "validation") and isinstance(value, int | float)
    }
    for source, scores in (entry.get("validation") or {}).items():
        numbers.update({f"validation/{source}/{name}": float(value) for name, value in scores.items()})
    return numbers


class TensorBoardLog:
    """Events below a folder, for `tensorboard --logdir FOLDER`.

    Args:
        folder: of this run.
        step: that the run starts from; what an interrupted run wrote beyond is hidden.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        _need("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __call__(self, entry: dict[str, Any]) -> None:
        for name, value in flat(entry).items():
            self.writer.add_scalar(name, value, entry["step"])
        self.writer.flush()


class WandbLog:
    """A run of Weights & Biases; the same folder goes on with the same run.

    Args:
        folder: of this run.
        recipe: shown as its configuration.

    Raises:
        InputError: wandb is not installed.
    """

    def __init__(self, folder: Path, recipe: dict[str, Any]) -> None:
        wandb = _need("wandb")
        identity = folder / "wandb-id.txt"
        if not identity.is_file():
            with StagedFiles() as files:
                files.path_for(identity).write_text(wandb.util.generate_id(), encoding="utf-8")
                files.commit()
        self.run = wandb.init(
            project="patchicl",
            dir=str(folder),
            id=identity.read_text(encoding="utf-8").strip(),
            resume="allow",
            config=recipe,
        )

    def __call__(self, entry: dict[str, Any]) -> None:
        self.run.log(flat(entry), step=entry["step"])


def open_logs(names: Sequence[str], folder: Path, step: int, recipe: dict[str, Any]) -> Announce:
    """Something that hands each entry of a training's log to all of the loggers named.

    Raises:
        InputError: an unknown name, or a package that is not installed.
    """
    check_logs(names)
    logs: list[Announce] = []
    for name in names:
        logs.append(TensorBoardLog(folder / "tensorboard", step) if name == "tensorboard" else WandbLog(folder, recipe))

    def announce(entry: dict[str, Any]) -> None:
        for log in logs:
            log(entry)

    return announce


def check_logs(names: Sequence[str]) -> None:
    """Raises InputError for an unknown name or a package that is not installed."""
    for name in names:
        if name not in LOGGERS:
            raise InputError(f"--log-to must be some of {', '.join(LOGGERS)}, but it is {name}.")
        _need(name)


def _need(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"--log-to {package} needs a package that is not installed: pip install {package}.") from error
