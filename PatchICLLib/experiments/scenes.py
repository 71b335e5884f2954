"""Examples for the cascade's figure: one of each of some categories, always the same."""

from collections.abc import Sequence

from PatchICLLib.datasets.context import ContextPool
from PatchICLLib.datasets.example import Examples, stable_number
from PatchICLLib.experiments.figures import Scene
from PatchICLLib.experiments.models import Model
from PatchICLLib.experiments.runner import Experiment, choose_targets

_MOST = 4  # scenes


def cascade_scenes(data: Examples, models: Sequence[Model], experiment: Experiment) -> list[Scene]:
    """Predictions of the first model that is a cascade of several levels; none if no model is.

    Args:
        data: examples.
        models: as in the experiment.
        experiment: the largest of its resolutions is shown.
    """
    pool, size = ContextPool(data.contexts(), experiment.rule), max(experiment.resolutions)
    by_category = {}
    for target in sorted(choose_targets(data, experiment), key=lambda e: stable_number(e.key)):
        if data.category(target) not in by_category and pool.draw(target):
            by_category[data.category(target)] = target
    for model in models:
        if model.network is None:
            continue
        scenes: list[Scene] = []
        for category, target in sorted(by_category.items())[:_MOST]:
            images, masks = zip(*(data.read(example) for example in pool.draw(target)), strict=True)
            image, mask = data.read(target)
            found = model.predict(images, masks, image, size)
            if found.seen is None or [level.resolution for level in found.levels] == [size]:  # no cascade, and dear
                break
            title = category if target.label in category else f"{category}: {target.label}"
            scenes.append(Scene(title, images[0], masks[0], image, mask, found.mask, found.levels, found.seen))
        if scenes:
            return scenes
    return []
