"""What a propagation can be asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.named_slices import Named
from PatchICLLib.propagation.geometry.painted_slices import MOST_LABELS
from PatchICLLib.propagation.geometry.region_limit import Box
from PatchICLLib.propagation.result.slice_logits import MOST_SLICES

OUTPUTS = frozenset({"probability", "entropy", "selections"})
MOST_CANDIDATES = 4


@dataclass(frozen=True)
class PropagationOptions:
    """Options of ``Propagator.propagate``; checked when made.

    Attributes:
        axis: slicing axis, 0 for k, 1 for j, 2 for i; None to find it.
        painted_slices: slices that count as painted though they are empty, for all labels or per label: numbers along
            the slicing axis, or pairs of an axis and a number along it.
        use_all_slices: learn from stray slices too (see ``painting_review``).
        ignore_slices: painted slices that are not learned from, named alike; their voxels stay.
        labels: labels to propagate; None for all.
        most_labels: refuse a painting with more labels where all are to be propagated, 1 to 255.
        extent: "auto" (the model finds where a structure ends), "painted" (between the outermost painted slices),
            or first and last slice.
        context_size: most painted slices that a slice learns from; None for 5.
        prior: start from an interpolation between the painted slices; False for pure in-context use.
        patch_budget: patches per level of the cascade, times what the network was trained with: less is faster.
        field_of_view: side of the square that the network sees over the painted extent; None for 1.3.
        region: first and last voxel along k, j and i; nothing beyond is labelled. None for the whole volume.
        candidates: most answers to give where the model is torn, 1 to 4.
        seed: of any random choice.
        outputs: which of probability, entropy and selections to return.
        logits_slices: slices along the axis whose logits before and after each level are returned too, as far as they
            are predicted (where a library leads beside one painted slice, every second one is).
    """

    axis: int | None = None
    painted_slices: Named = None
    use_all_slices: bool = False
    ignore_slices: Named = None
    labels: Sequence[int] | None = None
    most_labels: int = MOST_LABELS
    extent: str | tuple[int, int] = "auto"
    context_size: int | None = None
    prior: bool = True
    patch_budget: float = 1.0
    field_of_view: float | None = None
    region: Box | None = None
    candidates: int = 1
    seed: int = 0
    outputs: frozenset[str] = OUTPUTS
    logits_slices: Sequence[int] = ()

    def __post_init__(self) -> None:
        if self.axis not in (None, 0, 1, 2):
            raise InputError(f"The axis must be 0 (k), 1 (j), 2 (i) or None, but it is {self.axis!r}.")
        if not 1 <= self.most_labels <= MOST_LABELS:
            raise InputError(f"At most {MOST_LABELS} labels are propagated at once, not {self.most_labels}.")
        if self.context_size is not None and self.context_size < 1:
            raise InputError(f"The context size must be at least 1, but it is {self.context_size}.")
        if isinstance(self.extent, str):
            if self.extent not in ("auto", "painted"):
                raise InputError(f"The extent must be auto, painted, or first and last slice, not {self.extent!r}.")
        elif len(self.extent) != 2 or not 0 <= self.extent[0] <= self.extent[1]:
            raise InputError(f"The extent must be a first and a last slice in order, but it is {self.extent!r}.")
        if not 0.1 <= self.patch_budget <= 10:
            raise InputError(f"The patch budget must be 0.1 to 10 times the network's own, not {self.patch_budget}.")
        if self.field_of_view is not None and not 1 <= self.field_of_view <= 10:
            raise InputError(f"The field of view must be 1 to 10 times the painted extent, not {self.field_of_view}.")
        if self.region is not None and not (
            len(self.region) == 3 and all(len(span) == 2 and 0 <= span[0] <= span[1] for span in self.region)
        ):
            raise InputError(f"The region must be first and last voxel along k, j and i, but it is {self.region!r}.")
        if self.candidates not in range(1, MOST_CANDIDATES + 1):
            raise InputError(f"Candidates are 1 to {MOST_CANDIDATES}, not {self.candidates!r}.")
        if len(self.logits_slices) > MOST_SLICES:
            raise InputError(
                f"Logits are returned of at most {MOST_SLICES} slices at once, but {len(self.logits_slices)} are asked "
                "for."
            )
        unknown = set(self.outputs) - OUTPUTS
        if unknown:
            raise InputError(f"Outputs are among {', '.join(sorted(OUTPUTS))}, not {', '.join(sorted(unknown))}.")

    @property
    def named(self) -> tuple[tuple[Named, str], tuple[Named, str]]:
        """Slices that are named, with what they are."""
        return (self.painted_slices, "declared painted"), (self.ignore_slices, "to be ignored")
