"""The embedded scan with its reference segmentation."""

import json
from dataclasses import dataclass

import numpy as np

from PatchICLLib.images import Volume, read_label_map, read_scalar_image
from PatchICLLib.resources import resource_path


@dataclass(frozen=True, eq=False)
class Sample:
    """A scan that somebody segmented.

    Attributes:
        image: the scan.
        reference: its labels, (K, J, I), 0 is background.
        names: name of each label, in plain words.
        colors: colour of each label, "#rrggbb".
    """

    image: Volume
    reference: np.ndarray
    names: dict[int, str]
    colors: dict[int, str]


def load_sample() -> Sample:
    """The sample in Resources/SampleData: a slab of a T1 MRI of the head with four structures.

    Raises:
        ResourceError: the installation is incomplete.
    """
    image = read_scalar_image(resource_path("SampleData/brain_t1.nii.gz"))
    reference = read_label_map(resource_path("SampleData/brain_t1_labels.nii.gz"), like=image)
    entries = json.loads(resource_path("SampleData/brain_t1_labels.json").read_text(encoding="utf-8"))
    names = {int(entry["value"]): str(entry["name"]) for entry in entries}
    colors = {int(entry["value"]): "#{:02x}{:02x}{:02x}".format(*entry["color"]) for entry in entries}
    return Sample(image, reference.array, names, colors)
