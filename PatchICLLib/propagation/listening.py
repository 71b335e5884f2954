"""What other subjects say, joined with what painted slices say, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError
from PatchICLLib.propagation.course import Finished
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.subjects.asking import Asking
from PatchICLLib.propagation.subjects.earlier_cases import EarlierCases
from PatchICLLib.propagation.subjects.opinion import Doubt, Opinion

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

    @property
    def heard(self) -> frozenset[int]:
        """Labels of which the library is listened to."""
        return frozenset(label for label, one in self._opinions.items() if one is not None and one.weight)

    def joined(self, finished: Finished) -> Finished:
        """What is finished, with the share of other subjects."""
        slices = []
        for filled in finished.slices:
            opinion = self._opinions.get(filled.label)
            if opinion is not None:
                self._given[filled.label].update(filled.indices)
                filled = opinion.joined(filled)
            slices.append(filled)
        return replace(finished, slices=tuple(slices))

    def rest(self) -> Finished:
        """Slices that painted ones do not reach, as other subjects alone have them."""
        slices = []
        for label, opinion in self._opinions.items():
            if opinion is not None:
                wanted = [z for z in self.plan.wanted(label) if z not in self._given[label]]
                alone = opinion.alone(wanted)
                if alone is not None:
                    slices.append(alone)
        return Finished(tuple(slices), given_up=-sum(len(some) for some in slices))

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
