"""The files of a trial: a scan, a painting, an older output, and a stranger's file; and what became of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SHAPE = (8, 24, 28)
VOLUMES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
OLD = b"written by somebody else, long ago"


@dataclass
class World:
    """Attributes: folder; image, painted, output: files; array: what is painted, (K, J, I); extra: arguments."""

    folder: Path
    image: Path
    painted: Path
    output: Path
    array: np.ndarray
    extra: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, rng: np.random.Generator, folder: Path) -> World:
        """On an oblique grid, each file in a format of its own, with or without an older output."""
        array = painting(rng)
        angle = rng.uniform(-0.5, 0.5)
        cosine, sine = float(np.cos(angle)), float(np.sin(angle))
        direction = (cosine, 0.0, sine, 0.0, -1.0, 0.0, sine, 0.0, -cosine)
        world = cls(
            folder, folder / f"scan{rng.choice(VOLUMES)}", folder / f"painted{rng.choice(VOLUMES)}", folder, array
        )
        world.save(scan(rng, array), world.image, direction)
        world.save(array, world.painted, direction)
        world.output = folder / f"out{rng.choice(VOLUMES)}"
        if rng.random() < 0.5:
            world.output.write_bytes(OLD)
        (folder / "stranger.raw").write_bytes(OLD)
        return world

    def save(self, array: np.ndarray, path: Path, direction: tuple[float, ...] | None = None) -> None:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.8, 0.9, 2.5))
        image.SetOrigin((-12.0, 31.0, 4.5))
        if direction is not None:
            image.SetDirection(direction)
        sitk.WriteImage(image, str(path), True)

    def like_image(self, array: np.ndarray, path: Path) -> None:
        """A label map on the scan's grid."""
        image = sitk.GetImageFromArray(array)
        image.CopyInformation(sitk.ReadImage(str(self.image)))
        sitk.WriteImage(image, str(path), True)

    def like_image_of(self, values: np.ndarray) -> None:
        """Another scan on the painting's grid."""
        image = sitk.GetImageFromArray(values)
        image.CopyInformation(sitk.ReadImage(str(self.painted)))
        sitk.WriteImage(image, str(self.image), True)

    def state(self) -> dict[str, str]:
        """Of every file in the folder its hash; of links where they lead."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def painting(rng: np.random.Generator) -> np.ndarray:
    """One or two labels on some slices of k."""
    array = np.zeros(SHAPE, np.uint8)
    for index in rng.choice(np.arange(SHAPE[0]), int(rng.integers(1, 4)), replace=False):
        top, left = (int(v) for v in rng.integers(2, 8, 2))
        array[index, top : top + 9, left : left + 8] = 1
        if rng.random() < 0.4:
            array[index, top + 2 : top + 6, left + 11 : left + 16] = 2
    return array


def scan(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    return (100 + 60 * (array > 0) + rng.normal(0, 8, SHAPE)).astype(np.int16)
