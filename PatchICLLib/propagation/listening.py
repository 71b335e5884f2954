"""What other subjects say, joined with what painted slices say, slice by slice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError
from PatchICLLib.propagation.course import Finished
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.subjects.asking import Asking
from PatchICLLib.propagation.subjects.earlier_cases import EarlierCases
from PatchICLLib.propagation.subjects.every_second import EverySecond
from PatchICLLib.propagation.subjects.opinion import Doubt, Opinion

_CLOSE = 2.0  # pixels from slice to slice, at most, where every second slice of the painting's own answer is enough
_DOUBTS: dict[Doubt, str] = {
    "unsteady": "do not trust what the library alone found: looked at again, it is something else; paint a slice, so "
    "that it is known where the structure lies.",
    "size": "here it looks a fifth larger or smaller than in the library, or more, so that the library may not fit; "
    "paint a slice, so that it is known how large the structure is.",
    "look": "this scan hardly looks like those of the library there; paint a slice, so that it is known where the "
    "structure lies.",
}


class Listening:
    """Asks a library about all labels of a plan, then joins its opinions with what is filled.

    Args:
        model: the `sparse` cascade.
        device: of the model.
        plan: of one layer.
        cases: of the library.
        check: called often; may raise to stop.

    Raises:
        InputError: the model cannot learn from other subjects, or a case cannot be read.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        plan: Plan,
        cases: EarlierCases,
        check: Callable[[], None],
    ) -> None:
        if not isinstance(model, SparseCascade):
            raise InputError("Only weights of the preset sparse can learn from a library: leave out one or the other.")
        self.plan = plan
        asking = Asking(model, device, plan.volume, check)
        self._opinions: dict[int, Opinion | None] = {}
        for label, slices in plan.painted.items():
            structures = cases.of_label(label, plan.orientation, asking.extents(label, slices))
            if not structures:
                continue
            if slices:
                self._opinions[label] = asking.about_painted(label, slices, structures)
            else:
                self._opinions[label] = asking.about_unpainted(label, structures)
        self._given: dict[int, set[int]] = {label: set() for label in self._opinions}
        self._thinned: dict[int, EverySecond] = {}

    @property
    def heard(self) -> frozenset[int]:
        """Labels of which the library is listened to."""
        return frozenset(label for label, one in self._opinions.items() if one is not None and one.weight)

    def thinned(self) -> Plan:
        """The plan, with every second slice alone of labels of which the library leads beside one painted slice.

        Where slices are far apart, all of them.
        """
        volume = self.plan.volume
        if volume.step > _CLOSE * min(volume.spacing):
            return self.plan
        led = {
            label
            for label, one in self._opinions.items()
            if len(self.plan.painted[label]) == 1 and one is not None and one.worth is not None
            if one.worth.leads_beside_one
        }
        jobs = tuple((label, _every_second(gap) if label in led else gap) for label, gap in self.plan.jobs)
        thinned = replace(self.plan, jobs=jobs)
        self._thinned = {label: EverySecond(self.plan.asked(label) - thinned.asked(label)) for label in led}
        return thinned

    def joined(self, finished: Finished) -> Finished:
        """What is finished, and what lies between, with the share of other subjects."""
        slices = [one for filled in finished.slices for one in (filled, *self._beside(filled))]
        return replace(finished, slices=tuple(self._heard_of(slices)))

    def _beside(self, filled: FilledSlices) -> list[FilledSlices]:
        thinned = self._thinned.get(filled.label)
        return [] if thinned is None else thinned.add(filled)

    def _heard_of(self, slices: Sequence[FilledSlices]) -> Iterator[FilledSlices]:
        for filled in slices:
            opinion = self._opinions.get(filled.label)
            if opinion is not None:
                self._given[filled.label].update(filled.indices)
                filled = opinion.joined(filled)
            yield filled

    def rest(self) -> Finished:
        """Slices that painted ones do not reach, as other subjects alone have them."""
        slices = list(self._heard_of([one for thinned in self._thinned.values() for one in thinned.rest()]))
        given_up = sum(thinned.left for thinned in self._thinned.values())
        for label, opinion in self._opinions.items():
            if opinion is not None:
                wanted = [z for z in self.plan.wanted(label) if z not in self._given[label]]
                alone = opinion.alone(wanted)
                if alone is not None:
                    slices.append(alone)
                    given_up -= len(alone)
        return Finished(tuple(slices), given_up=given_up)

    def told(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """A report, with which cases and slices were looked at, and how far they were listened to."""
        known = {str(label): opinion.to_json() for label, opinion in self._opinions.items() if opinion is not None}
        known = {**report.get("library", {}), **known}
        return {**report, "library": known, "warnings": [*report["warnings"], *self._sentences()]}

    def _sentences(self) -> list[str]:
        found = []
        for label, opinion in self._opinions.items():
            if opinion is None:
                found.append(f"label {label}: nothing in this scan looks like it does in the library.")
            elif not opinion.weight:
                found.append(
                    f"label {label}: the library is not listened to, because what it says of painted slices differs "
                    "from what is painted there."
                )
            elif opinion.doubt is not None:
                found.append(f"label {label}: {_DOUBTS[opinion.doubt]}")
        return found


def _every_second(gap: Gap) -> Gap:
    sparse = gap.reduced(math.inf, True)
    return sparse if sparse.slices else gap
