"""How weights are trained, in one frozen value."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.paper import PaperConfiguration
from PatchICLLib.cascade.universeg_in_context import UniverSegInContextConfiguration
from PatchICLLib.presets import Configuration
from PatchICLLib.training.image_tasks import APART
from PatchICLLib.training.mixture import BatchPlan, MixtureWeights


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        model: configuration of any preset.
        plan: shapes of batches.
        mixture: how often each kind of task of a data folder comes.
        steps: length of the run; the learning rate falls over the last ``decay`` of them.
        learning_rate: peak.
        warm_up: steps of linear rise.
        decay: fraction of the run over which the learning rate falls as a half cosine to a hundredth.
        weight_decay: of matrices; vectors have none.
        clip: largest gradient norm.
        ema: decay of the averaged weights, reached after a while.
        seed: of weights, batches and selection noise.
        centred: initial weights of the preset `paper` are scaled and centred on a batch, see ``centred_start``.
        recital: steps in which its context tokens must also tell their own masks, see ``recital_loss``.
    """

    model: Configuration = field(default_factory=SparseConfiguration)
    plan: BatchPlan = field(default_factory=BatchPlan)
    mixture: MixtureWeights = field(default_factory=MixtureWeights)
    steps: int = 10200
    learning_rate: float = 4e-4
    warm_up: int = 60
    decay: float = 0.5
    weight_decay: float = 0.02
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 1
    centred: bool = False
    recital: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at a step: warm-up, plateau, half cosine."""
        rise = min(1.0, (step + 1) / self.warm_up)
        start = self.steps * (1 - self.decay)
        progress = min(1.0, max(0.0, (step - start) / max(1.0, self.steps - start)))
        return self.learning_rate * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    def describe(self) -> dict[str, Any]:
        return asdict(self)


RECIPES: dict[str, Recipe] = {
    "bundled": Recipe(),
    # the stage after it, from its weights (`--start-from`): more of the larger inputs, most tasks at the size that the
    # product would show them at, and another seed, lest the same tasks come again
    "finish": Recipe(
        plan=BatchPlan(sizes=((128, 0.55), (256, 0.45)), fitted=0.75),
        steps=2200,
        learning_rate=2.5e-4,
        decay=0.9,
        seed=77,
    ),
    # from the bundled weights (`--start-from`): own painted slices are told from those of other subjects
    "subjects": Recipe(
        plan=BatchPlan(contexts=(3, 5, 7, 9), sizes=((128, 1.0),)),
        mixture=MixtureWeights(subjects=1.0),
        steps=2200,
        learning_rate=2.5e-4,
        decay=0.9,
        seed=78,
    ),
    # the last stage of the bundled weights, from those of `finish` (`--start-from`), with which they are averaged in
    # the end: half of the tasks are as before, the others are whole slices and pictures without hints, rows of equal
    # structures, and several subjects
    "in-context": Recipe(
        plan=BatchPlan(sizes=((128, 0.75), (256, 0.25)), fitted=0.5),
        mixture=MixtureWeights(
            subjects=0.14,
            whole_slices=0.24,
            copies=0.12,
            apart=APART,
            planes=0.35,
            real=0.19,
            label_maps=0.08,
            supervoxels=0.13,
            anatomy=0.05,
            images=0.05,
            other_sources=0.03,
        ),
        steps=1550,
        learning_rate=2.5e-4,
        decay=0.9,
        seed=80,
    ),
    # most of what attention, masks and decoder must learn of each other can be learned where a task costs a tenth: on
    # pictures that are their own first level, then on the first two levels
    "paper": Recipe(
        PaperConfiguration(),
        BatchPlan(
            tasks=4,
            targets=1,
            contexts=(1, 2, 3, 3, 3),
            sizes=((128, 1.0),),
            hints=False,
            holding=1.0,
            smaller_first=((300, 24, 4), (360, 64, 2)),
        ),
        steps=790,
        learning_rate=2.5e-4,
        warm_up=30,
        decay=0.35,
        centred=True,
        recital=360,
    ),
    # the stage after it, from its weights (`--start-from`): targets that do not hold the structure, and larger pictures
    "paper-finish": Recipe(
        PaperConfiguration(),
        BatchPlan(
            tasks=3, targets=2, contexts=(1, 2, 3, 3, 3), sizes=((128, 0.85), (256, 0.15)), hints=False, holding=0.6
        ),
        steps=1450,
        learning_rate=2.5e-4,
        warm_up=30,
        decay=0.6,
        seed=80,
    ),
    # as many operations in all as `bundled` and `finish`, see `patchicl benchmark training`
    "universeg": Recipe(
        UniverSegInContextConfiguration(),
        BatchPlan(tasks=2, targets=2, sizes=((128, 1.0),), hints=False),
        steps=2705,
        learning_rate=5e-4,
    ),
    # a minute that shows whether installation and data folder work; its weights are of no use
    "check": Recipe(
        SparseConfiguration(
            channels=(4, 8, 8), features=16, heads=2, layers=1, target_patches=(4,), context_patches=(4,)
        ),
        BatchPlan(tasks=1, targets=2, contexts=(2,), sizes=((64, 1.0),)),
        steps=20,
        warm_up=5,
    ),
}
