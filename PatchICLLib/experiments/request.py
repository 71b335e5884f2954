"""Everything that an experiment is asked for, in one value that other processes understand as well."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.datasets.class_split import Modality, class_split
from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.example import Examples
from PatchICLLib.datasets.image_folders import Folders, ImageFolders
from PatchICLLib.datasets.joined import Joined
from PatchICLLib.datasets.medsegbench import Bench, MedSegBench
from PatchICLLib.datasets.split import is_development
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator
from PatchICLLib.datasets.volume_folders import VolumeFolders, Volumes
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.models import Model, parse_models
from PatchICLLib.experiments.runner import Experiment

INDEX = "slices.json"


@dataclass(frozen=True)
class FoldersSplit:
    """Pictures in folders, and whether only those of the development split are targets."""

    folders: Folders = Folders()
    development_only: bool = False


@dataclass(frozen=True)
class VolumesAndPictures:
    """Both, in one table."""

    volumes: Volumes = Volumes()
    pictures: FoldersSplit = FoldersSplit()


Chosen = Selection | Bench | FoldersSplit | Volumes | VolumesAndPictures


@dataclass(frozen=True)
class Layout:
    """How an experiment's table looks.

    Attributes:
        heading: of the first column.
        order: categories from top to bottom; others by the first model's mean.
        joined: labels of one picture count as one.
    """

    heading: str
    order: tuple[str, ...]
    joined: bool


LAYOUTS: dict[str, Layout] = {
    "totalsegmentator": Layout("Category", tuple(class_split().order("ct")), False),
    "totalsegmentator-mri": Layout("Category", tuple(class_split().order("mri")), False),
    "medsegbench": Layout("Modality", (), True),
    "images": Layout("Folder", (), True),
    "volumes": Layout("Source", (), False),
    "paper": Layout("Source", (), False),
}


@dataclass(frozen=True)
class ExperimentRequest:
    """An experiment.

    Attributes:
        kind: one of LAYOUTS.
        data: folder of the data set.
        chosen: what of the data set is used; its type belongs to the kind.
        models: as `--models` names them.
        resolutions: sides of the network's input in pixels.
        rule: how context is drawn.
        most_per_class, most_per_dataset: at most so many examples of each; None for all.
        output: folder of results, tables' source, and figures.
        device: see ``resolve_device``.
    """

    kind: str
    data: Path
    chosen: Chosen
    models: tuple[str, ...]
    resolutions: tuple[int, ...]
    rule: ContextRule
    most_per_class: int | None
    most_per_dataset: int | None
    output: Path
    device: str = "auto"

    def experiment(self, shard: Shard | None = None) -> Experiment:
        """What every model is asked, in a part of it."""
        data = {"experiment": self.kind, "data": asdict(self.chosen)}
        return Experiment(
            self.resolutions, self.rule, self.most_per_class, self.most_per_dataset, shard or Shard(), data
        )

    def open_data(
        self, progress: Callable[[int, int], None] = lambda done, total: None, processes: int = 1
    ) -> Examples:
        """The data set; TotalSegmentator's slices are looked for once, and kept in the output folder.

        Raises:
            DatasetError: it is not there, or not in its official form.
        """
        if isinstance(self.chosen, Selection):
            modality: Modality = "mri" if self.kind == "totalsegmentator-mri" else "ct"
            return TotalSegmentator(self.data, modality, self.chosen, self.output / INDEX, progress, processes)
        if isinstance(self.chosen, Bench):
            return MedSegBench(self.data, self.chosen)
        if isinstance(self.chosen, Volumes):
            return VolumeFolders(self.data, self.chosen)
        if isinstance(self.chosen, VolumesAndPictures):
            return Joined(VolumeFolders(self.data, self.chosen.volumes), self._pictures(self.chosen.pictures))
        return self._pictures(self.chosen)

    def _pictures(self, chosen: FoldersSplit) -> ImageFolders:
        if chosen.development_only:
            return ImageFolders(self.data, chosen.folders, is_development)
        return ImageFolders(self.data, chosen.folders)

    def load_models(self) -> list[Model]:
        """All models on their device.

        Raises:
            InputError: unknown name, weights or device.
        """
        from PatchICLLib.runtime.device import resolve_device

        choices = parse_models(self.models)
        device = resolve_device(self.device)
        return [choice.load(device) for choice in choices]


def layout_of(settings: dict[str, Any]) -> Layout:
    """Layout of the table for the `settings.json` of earlier runs.

    Raises:
        InputError: of another kind of results.
    """
    kind = settings.get("experiment")
    if kind not in LAYOUTS:
        raise InputError("The folder holds no results of an experiment in 2D.")
    return LAYOUTS[kind]
