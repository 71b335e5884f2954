"""Runs models over the examples of a data set; goes on where an earlier run stopped."""

import json
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.datasets.context import ContextPool, ContextRule
from PatchICLLib.datasets.example import Example, Examples, stable_number
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.models import Model
from PatchICLLib.experiments.rows import Key, Row, append_rows, read_rows
from PatchICLLib.outputs import drop_unfinished_line, set_aside, write_json

SETTINGS = "settings.json"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Experiment:
    """What is asked of every model.

    Attributes:
        resolutions: sides of the network's input in pixels.
        rule: how context is drawn.
        most_per_class, most_per_dataset: at most so many examples of each class, and of each data set, whose classes
            take turns; the same ones in every run; None for all.
        shard: the part of the examples that this run does.
        data: what the examples are, for `settings.json`: results of other data never mix with these.
    """

    resolutions: tuple[int, ...] = (128,)
    rule: ContextRule = ContextRule()
    most_per_class: int | None = None
    most_per_dataset: int | None = None
    shard: Shard = Shard()
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.resolutions or min(self.resolutions) < 16 or self.rule.size < 1:
            raise InputError("Give at least one resolution from 16 pixels on, and at least one context pair.")

    def settings(self) -> dict[str, Any]:
        """What must be alike for results to stand in one table."""
        rule = self.rule
        content = {**self.data, "context": rule.size, "same_case_first": rule.same_case_first, "seed": rule.seed}
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


def dice(reference: np.ndarray, predicted: np.ndarray) -> float:
    """Dice of two masks (H, W) bool; 1 if both are empty."""
    total = int(reference.sum()) + int(predicted.sum())
    return 2 * int((reference & predicted).sum()) / total if total else 1.0


def choose_targets(data: Examples, experiment: Experiment) -> list[Example]:
    """The examples of this shard, sorted, so that neighbours share their files."""
    of_class: Counter[str] = Counter()
    by_dataset: dict[str, list[tuple[int, Example]]] = defaultdict(list)
    for example in sorted(data.examples(), key=lambda e: stable_number(e.key)):
        turn = of_class[name := data.class_name(example)]
        of_class[name] += 1
        if experiment.most_per_class is None or turn < experiment.most_per_class:
            by_dataset[example.dataset].append((turn, example))
    in_turn = [sorted(several, key=operator.itemgetter(0)) for several in by_dataset.values()]
    chosen = sorted(example for several in in_turn for _, example in several[: experiment.most_per_dataset])
    shard = experiment.shard
    # all labels of one image, and all slices of one structure in a case, stay in one part
    return [e for e in chosen if stable_number(f"{e.dataset}/{e.case}") % shard.count == shard.index - 1]


def results_file(output: Path, shard: Shard) -> Path:
    """Where a part writes its rows."""
    return output / shard.file_name


def all_results(output: Path) -> list[Path]:
    """The files of all parts."""
    return sorted(output.glob("results*.jsonl"))


@contextmanager
def under_settings(output: Path, settings: dict[str, Any], resume: bool) -> Iterator[None]:
    """Write `settings.json`, or compare with what an earlier run wrote; the experiment is run in the block.

    Not to resume sets earlier results aside until the block has ended well.

    Raises:
        InputError: they differ, or the results there are none of an experiment.
    """
    path = output / SETTINGS
    if resume and path.is_file():
        before = read_settings(output)
        differing = [name for name in {**before, **settings} if before.get(name) != settings.get(name)]
        if differing:
            raise InputError(
                f"The results in {output} were made with other settings ({', '.join(sorted(differing))} differ): "
                "choose another --output, or --no-resume to replace them."
            )
        yield
        return
    earlier = all_results(output)
    read_rows(earlier)
    with set_aside([path, *earlier]):
        write_json(settings, path)
        yield


def read_settings(output: Path) -> dict[str, Any]:
    """What `under_settings` wrote.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = output / SETTINGS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There are no results in {output}: give the --output of an experiment.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: move the folder away.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: move the folder away.")
    return content


def run_experiment(
    data: Examples,
    models: Sequence[Model],
    experiment: Experiment,
    output: Path,
    progress: Progress = lambda done, total, stage: None,
) -> list[Row]:
    """Predict and score what is missing; rows are appended to a file in ``output`` as they come.

    Targets without any context (no other image shows their structure) are left out.

    Args:
        data: examples.
        models: all are asked the same.
        experiment: see there.
        output: folder, with the `settings.json` of this experiment.
        progress: called with predictions done, predictions in all, and what comes next.

    Returns:
        The rows of this shard for these models.
    """
    path = results_file(output, experiment.shard)
    drop_unfinished_line(path)
    known = read_rows(all_results(output))
    pool = ContextPool(data.contexts(), experiment.rule)
    targets = choose_targets(data, experiment)
    wanted: list[tuple[Example, list[tuple[Model, int]]]] = []
    keys: set[Key] = set()
    for target in targets:
        if pool.draw(target):
            asked = [(model, side) for model in models for side in experiment.resolutions]
            keys |= {_key(target, model, side) for model, side in asked}
            wanted.append((target, [(m, s) for m, s in asked if _key(target, m, s) not in known]))
    total = len(keys)
    done = total - sum(len(missing) for _, missing in wanted)
    for target, missing in wanted:
        if not missing:
            continue
        progress(done, total, target.key)
        fresh = list(_score(data, target, pool.draw(target), missing))
        append_rows(path, fresh)
        known.update({row.key: row for row in fresh})
        done += len(fresh)
    progress(done, total, "done")
    return [known[key] for key in sorted(keys)]


def _key(target: Example, model: Model, side: int) -> Key:
    return (target.key, model.name, model.identity, side)


def _score(
    data: Examples, target: Example, context: list[Example], missing: Sequence[tuple[Model, int]]
) -> Iterable[Row]:
    image, mask = data.read(target)
    images, masks = zip(*(data.read(example) for example in context), strict=True)
    own = sum(example.case == target.case for example in context)
    for model, side in missing:
        found = model.predict(images, masks, image, side)
        yield Row(
            target.key,
            target.image_key,
            target.dataset,
            target.subject,
            target.label,
            data.category(target),
            data.class_name(target),
            model.name,
            model.identity,
            side,
            (len(context), own),
            dice(mask, found.mask),
            round(found.seconds, 5),
        )
