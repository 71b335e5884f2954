"""Slices of other subjects as context, beside painted ones of this subject; without hints, which know of this one only.

Each subject is seen through a region and with intensities of its own, at places mapped to this subject's, and encoded
once. Painted slices are encoded apart, so that any of them can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region, Window
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.painted_context import input_size
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.placement import Placement
from PatchICLLib.runtime.device import inference_precision
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device

_PIXELS = 8 * 128 * 128  # of target slices in one batch
_HOST = torch.device("cpu")


class SubjectsContext:
    """Encoded slices of other subjects.

    Args:
        model: called like the `sparse` cascade.
        device: of the model.
        image: (Z, H, W) of this subject.
        spacing: along slices, rows and columns.
        region: what is seen of this subject.
        structures: of other subjects, placed in this one.
        placements: of each.
        shown: slices of each that are shown, possibly none.
        check: called now and then; may raise to stop.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        image: np.ndarray,
        spacing: tuple[float, float, float],
        region: Region,
        structures: Sequence[FinishedStructure],
        placements: Sequence[Placement],
        shown: Sequence[tuple[int, ...]],
        check: Callable[[], None],
    ) -> None:
        self.model, self.device, self.image, self.spacing = model, device, image, spacing
        self.region, self.size, self.check = region, input_size(region), check
        self._sampler = VolumeSampler(image, device)
        known = [x for x in zip(structures, placements, shown, strict=True) if x[2]]
        places = [placement.slices(slices, one.spacing[0]) / region.side for one, placement, slices in known]
        self._center = float(np.concatenate(places).mean())
        self._subjects = []
        for (one, placement, slices), at in zip(known, places, strict=True):
            check()
            seen_from = placement.seen_from(region, one.spacing[1:])
            view = View.of(one.image, one.mask[list(slices)], slices, seen_from, self.size)
            self._subjects.append(self._encoded(view.images, view.masks, at, is_other=True))

    def look(self, masks: np.ndarray, indices: Sequence[int]) -> View:
        """This subject's intensities, put to scale by a structure that is known, or taken to be, on some slices.

        Args:
            masks: (k, H, W) bool.
            indices: (k,) slices.
        """
        return View.of(self.image, masks, indices, self.region, self.size)

    def predicted(self, indices: Sequence[int], look: View, own: Sequence[int] = ()) -> tuple[Tensor, Window]:
        """What is said of slices: logits (n, h, w) on the device, and their rows and columns.

        Args:
            indices: (n,) slices.
            look: at this subject.
            own: slices of the look that are shown beside those of other subjects.
        """
        caches = list(self._subjects)
        if own:
            numbers = [look.indices.index(z) for z in own]
            caches.append(self._encoded(look.images[numbers], look.masks[numbers], self._places(own)))
        context = caches[0] if len(caches) == 1 else type(caches[0]).beside(caches)
        most, found, window = max(1, _PIXELS // self.size**2), [], self.region.bounds(self.image.shape[1:])
        for first in range(0, len(indices), most):
            self.check()
            some = list(indices[first : first + most])
            seen = look.normalisation.standard(self._sampler.sample(self.region, some, self.size, look.scale))
            places = to_device(array_tensor(self._places(some) - self._center), self.device)
            with part("network"), torch.inference_mode(), inference_precision(self.device):
                output = self.model(seen[:, None], context, None, places)
            found.append(self.region.restore(output.logits[:, 0], self.image.shape[1:])[0])
        return torch.cat(found), window

    def _places(self, indices: Sequence[int]) -> np.ndarray:
        return np.asarray(indices) * self.spacing[0] / self.region.side

    def _encoded(self, images: Tensor, masks: Tensor, places: np.ndarray, is_other: bool = False) -> Any:
        with part("network"), torch.inference_mode(), inference_precision(self.device):
            return self.model.encode_context(  # type: ignore[operator]
                to_device(images[None], self.device),
                to_device(masks[None], self.device),
                to_device(array_tensor(places - self._center)[None], self.device),
                subject=is_other or None,
            )


class View:
    """Slices of a structure through a region, with intensities of their own scale, on the host: they are few."""

    def __init__(
        self, indices: Sequence[int], images: Tensor, masks: Tensor, scale: IntensityScale, normalisation: Normalisation
    ) -> None:
        self.indices, self.images, self.masks = list(indices), images, masks
        self.scale, self.normalisation = scale, normalisation

    @classmethod
    def of(cls, image: np.ndarray, masks: np.ndarray, indices: Sequence[int], region: Region, size: int) -> View:
        rows, columns = region.bounds(image.shape[1:])
        slices = list(indices)
        scale = IntensityScale.of(image[slices][:, rows, columns], masks[:, rows, columns])
        seen, drawn = VolumeSampler(image, _HOST).sample(region, slices, size, scale), region.sample(masks, size)
        normalisation = Normalisation.around(seen, drawn)
        return cls(slices, normalisation.standard(seen), drawn, scale, normalisation)
