"""Slices of other subjects as context, beside painted ones of this subject; without hints, which know of this one only.

Each subject is seen in its own frame and with intensities of its own scale, so that it is encoded once for all who are
segmented after. Painted slices are encoded apart, so that any of them can be left out.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region, Window
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.frame import Frame
from PatchICLLib.runtime.device import inference_precision
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device

_PIXELS = 8 * 128 * 128  # of target slices in one batch
_KEPT = 2  # sets of a subject's slices: with something painted others are shown than as if nothing were
_OWN_NEAREST = 5  # painted slices that a batch learns from
_HOST = torch.device("cpu")


@dataclass(frozen=True)
class Question:
    """What is said of a slice by some.

    Attributes:
        index: of the slice.
        own: painted slices that are shown.
        subject: the only one that is asked, by number; None: all.
    """

    index: int
    own: tuple[int, ...] = ()
    subject: int | None = None


class SubjectsContext:
    """Encoded slices of other subjects.

    Args:
        model: called like the `sparse` cascade.
        device: of the model.
        image: (Z, H, W) of this subject.
        spacing: along slices, rows and columns.
        size: input of the network, pixels a side.
        structures: of other subjects.
        shown: slices of each that are shown, possibly none.
        nearest: slices of other subjects that slices here, a batch at a time, learn from, at most.
        check: called now and then; may raise to stop.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        image: np.ndarray,
        spacing: tuple[float, float, float],
        size: int,
        structures: Sequence[FinishedStructure],
        shown: Sequence[tuple[int, ...]],
        nearest: int,
        check: Callable[[], None],
    ) -> None:
        self.model, self.device, self.image, self.spacing = model, device, image, spacing
        self.size, self.nearest, self.check = size, nearest, check
        self._sampler = VolumeSampler(image, device)
        self._images: list[Any] = []
        places, subjects = [], []
        for number, (one, slices) in enumerate(zip(structures, shown, strict=True)):
            if slices:
                check()
                self._images += self._kept(one, slices)
                places.append(Frame.own(one).places(slices, one.spacing[0]))
                subjects += [number] * len(slices)
        self._places, self._subjects = np.concatenate(places), np.array(subjects)

    @property
    def subjects(self) -> list[int]:
        """Numbers of those that are shown."""
        return sorted(set(self._subjects.tolist()))

    def look(self, frame: Frame, masks: np.ndarray, indices: Sequence[int]) -> Look:
        """At this subject, put to scale by a structure that is known, or taken to be, on some slices.

        Args:
            frame: of the structure here.
            masks: (k, H, W) bool.
            indices: (k,) slices.
        """
        return Look(frame, masks, View.of(self.image, masks, indices, frame.region(self.spacing[1:]), self.size))

    def predicted(self, indices: Sequence[int], look: Look, own: Sequence[int] = ()) -> tuple[Tensor, Window]:
        """What is said of slices: logits (n, h, w) on the device, and their rows and columns.

        Args:
            indices: (n,) slices, ascending.
            look: at this subject.
            own: slices of the look that are shown beside those of other subjects.
        """
        found, most = [], self._most
        for first in range(0, len(indices), most):
            some = list(indices[first : first + most])
            found.append(self._logits(some, look, self._near(some, look, own)))
        return torch.cat(found), look.view.region.bounds(self.image.shape[1:])

    def answered(self, questions: Sequence[Question], look: Look) -> tuple[Tensor, Window]:
        """What is said of slices, each by others: logits (n, h, w) on the device, and their rows and columns."""
        only = len(self.subjects) == 1  # who are all
        asked = [replace(one, subject=None) if only else one for one in questions]
        found: dict[Question, Tensor] = {}
        # in a batch the shorter contexts are padded to the longest: what one subject says is not asked beside all
        for of_all in (True, False):
            alike = [one for one in dict.fromkeys(asked) if (one.subject is None) is of_all]
            for first in range(0, len(alike), self._most):
                some = alike[first : first + self._most]
                contexts = [self._near([one.index], look, one.own, one.subject) for one in some]
                context = contexts[0] if len(contexts) == 1 else type(contexts[0]).join(contexts)
                logits = self._logits([one.index for one in some], look, context)
                found.update(zip(some, logits.unbind(), strict=True))
        return torch.stack([found[one] for one in asked]), look.view.region.bounds(self.image.shape[1:])

    @property
    def _most(self) -> int:
        """Slices in one batch."""
        return max(1, _PIXELS // self.size**2)

    def _logits(self, indices: list[int], look: Look, context: Any) -> Tensor:
        """Of slices that learn from the same, or each from its own set of a context: (n, h, w)."""
        self.check()
        seen = look.view.standard(self._sampler, indices, self.size)
        places = to_device(array_tensor(look.frame.places(indices, self.spacing[0])), self.device)
        with part("network"), torch.inference_mode(), inference_precision(self.device):
            output = self.model(seen[:, None], context, None, places)
        return look.view.region.restore(output.logits[:, 0], self.image.shape[1:])[0]

    def _near(self, indices: list[int], look: Look, own: Sequence[int], subject: int | None = None) -> Any:
        """What some slices learn from: slices of all subjects, or of one, and painted ones, that are nearest."""
        step = self.spacing[0]
        places = look.frame.places(indices, step)
        asked = np.arange(len(self._places)) if subject is None else np.flatnonzero(self._subjects == subject)
        near = [self._images[n] for n in asked[_nearest(self._places[asked], places, self.nearest)]]
        if own:
            of_own = self._of_own(look, own)
            near += [of_own[n] for n in _nearest(look.frame.places(own, step), places, _OWN_NEAREST)]
        return near[0] if len(near) == 1 else type(near[0]).beside(near)

    def _kept(self, one: FinishedStructure, slices: tuple[int, ...]) -> list[Any]:
        """A subject's slices as the model keeps them, one by one; the last two sets are kept for who comes next."""
        key, by = ("context", self.size, str(self.device)), (slices, _state(self.model))
        known = one.worked_out.setdefault(key, {})
        if by not in known:
            frame = Frame.own(one)
            view = View.of(one.image, one.mask[list(slices)], slices, frame.region(one.spacing[1:]), self.size)
            encoded = self._encoded(view.images, view.masks, frame.places(slices, one.spacing[0]), is_other=True)
            known[by] = encoded.images()
            while len(known) > _KEPT:
                del known[next(iter(known))]
        found: list[Any] = known[by]
        return found

    def _of_own(self, look: Look, own: Sequence[int]) -> list[Any]:
        view, key = look.view, tuple(own)
        if key not in look.encoded:
            numbers = [view.indices.index(z) for z in own]
            places = look.frame.places(own, self.spacing[0])
            look.encoded[key] = self._encoded(view.images[numbers], view.masks[numbers], places).images()
        return look.encoded[key]

    def _encoded(self, images: Tensor, masks: Tensor, places: np.ndarray, is_other: bool = False) -> Any:
        with part("network"), torch.inference_mode(), inference_precision(self.device):
            return self.model.encode_context(  # type: ignore[operator]
                to_device(images[None], self.device),
                to_device(masks[None], self.device),
                to_device(array_tensor(places)[None], self.device),
                subject=is_other or None,
            )


class View:
    """Slices of a structure through a region, with intensities of their own scale, on the host: they are few."""

    def __init__(
        self,
        region: Region,
        indices: Sequence[int],
        images: Tensor,
        masks: Tensor,
        scale: IntensityScale,
        normalisation: Normalisation,
    ) -> None:
        self.region, self.indices, self.images, self.masks = region, list(indices), images, masks
        self.scale, self.normalisation = scale, normalisation

    @classmethod
    def of(cls, image: np.ndarray, masks: np.ndarray, indices: Sequence[int], region: Region, size: int) -> View:
        rows, columns = region.bounds(image.shape[1:])
        slices = list(indices)
        scale = IntensityScale.of(image[slices][:, rows, columns], masks[:, rows, columns])
        seen, drawn = VolumeSampler(image, _HOST).sample(region, slices, size, scale), region.sample(masks, size)
        normalisation = Normalisation.around(seen, drawn)
        return cls(region, slices, normalisation.standard(seen), drawn, scale, normalisation)

    def standard(self, sampler: VolumeSampler, indices: Sequence[int], size: int) -> Tensor:
        """Other slices of the same volume, seen alike: (n, size, size) on the sampler's device."""
        return self.normalisation.standard(sampler.sample(self.region, indices, size, self.scale))


class Look:
    """How this subject is looked at.

    Attributes:
        frame: of the structure.
        masks: (k, H, W) bool, the structure on slices on which it is known.
        view: of these.
        encoded: some of these together, as the model keeps them, one by one.
    """

    def __init__(self, frame: Frame, masks: np.ndarray, view: View) -> None:
        self.frame, self.masks, self.view = frame, masks, view
        self.encoded: dict[tuple[int, ...], list[Any]] = {}


def _state(model: torch.nn.Module) -> tuple[object, int]:
    """Which model it is, kept by nobody for that, and how often its weights were changed in place."""
    return weakref.ref(model), sum(parameter._version for parameter in model.parameters())


def _nearest(known: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Numbers, ascending, of those that lie nearest to any of some places."""
    if not len(known):
        return np.zeros(0, int)
    distances = np.abs(known[:, None] - places).min(1)
    return np.sort(np.argsort(distances, kind="stable")[:count])
