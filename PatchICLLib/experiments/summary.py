"""From rows to the paper's tables 2 to 4, classes won, paired comparisons and results per resolution."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from PatchICLLib.experiments.rows import Row
from PatchICLLib.experiments.significance import compare

Summary = dict[str, Any]


def summarise(rows: Sequence[Row], order: Sequence[str] = (), joined: bool = False) -> Summary:
    """Plain JSON.

    Counted are only examples that all models have finished at a resolution, so that every mean is over the same ones.
    Means are over slices or pictures, as in the paper, whose overall line is the mean over all of them; standard
    deviations are of the sample (n - 1).

    Args:
        rows: of any models and resolutions.
        order: categories from top to bottom; others follow by the first model's mean, best first.
        joined: whether the labels of one picture count as one, by their mean, as MedSegBench's n demands.

    Returns:
        {"models": [...], "resolutions": {"128": {
            "categories": [{"category", "n", "models": {name: {"mean", "sd"}}, "winner"}],
            "overall": {"n", "models", "winner"}, "wins": {name: categories won},
            "classes": [{"class", "category", "n", "models": {name: mean}, "winner"}], "class_wins": {name: number},
            "comparisons": [{"first", "second", "units", "difference", "low", "high", "p", ...}],
            "left_out": examples that not all models have finished}}}
        A winner is None where two share the best mean, or there is one model only.
    """
    names = _display_names(rows)
    models = list(dict.fromkeys(names.values()))
    by_resolution: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_resolution[row.resolution].append(row)
    return {
        "models": models,
        "resolutions": {str(side): _entry(by_resolution[side], names, order, joined) for side in sorted(by_resolution)},
    }


def _entry(rows: list[Row], names: dict[tuple[str, str], str], order: Sequence[str], joined: bool) -> Summary:
    scores: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        scores[row.example][names[row.model, row.identity]] = row
    present = list(dict.fromkeys(names[row.model, row.identity] for row in rows))
    models = [name for name in dict.fromkeys(names.values()) if name in present]
    complete = {example: found for example, found in scores.items() if len(found) == len(models)}

    samples: dict[str, list[dict[str, Row]]] = defaultdict(list)
    for example, found in complete.items():
        samples[next(iter(found.values())).image if joined else example].append(found)
    table = [_Sample(found, models) for found in samples.values()]

    categories: dict[str, list[_Sample]] = defaultdict(list)
    classes: dict[str, list[_Sample]] = defaultdict(list)
    for sample in table:
        categories[sample.category].append(sample)
        classes[sample.class_name].append(sample)
    lines = [{"category": name, **_line(members, models)} for name, members in categories.items()]
    place = {name: number for number, name in enumerate(order)}
    lines.sort(key=lambda line: (place.get(line["category"], len(place)), -line["models"][models[0]]["mean"]))
    class_lines = []
    for name, members in sorted(classes.items()):
        line = _line(members, models)
        means = {model: values["mean"] for model, values in line["models"].items()}
        category = members[0].category
        class_lines.append(
            {"class": name, "category": category, "n": line["n"], "models": means, "winner": line["winner"]}
        )
    return {
        "categories": lines,
        "overall": _line(table, models) if table else None,
        "wins": {model: sum(line["winner"] == model for line in lines) for model in models},
        "classes": class_lines,
        "class_wins": {model: sum(line["winner"] == model for line in class_lines) for model in models},
        "comparisons": _comparisons(table, models) if table else [],
        "seconds": {
            model: float(np.mean([found[model].seconds for found in complete.values()])) for model in models if complete
        },
        "left_out": len(scores) - len(complete),
    }


class _Sample:
    """What counts once in the mean: an example, or all labels of a picture by their mean."""

    def __init__(self, found: list[dict[str, Row]], models: list[str]) -> None:
        first = next(iter(found[0].values()))
        self.category, self.class_name, self.dataset = first.category, first.class_name, first.dataset
        self.subject = f"{first.dataset}/{first.subject}"
        self.dice = {model: float(np.mean([rows[model].dice for rows in found])) for model in models}


def _line(members: list[_Sample], models: list[str]) -> Summary:
    values = {model: np.array([sample.dice[model] for sample in members]) for model in models}
    means = {model: float(array.mean()) for model, array in values.items()}
    return {
        "n": len(members),
        "models": {
            model: {"mean": means[model], "sd": float(array.std(ddof=1)) if len(array) > 1 else 0.0}
            for model, array in values.items()
        },
        "winner": _winner(means),
    }


def _winner(means: dict[str, float]) -> str | None:
    best = max(means.values())
    leaders = [model for model, mean in means.items() if mean == best]
    return leaders[0] if len(leaders) == 1 and len(means) > 1 else None


def _comparisons(table: list[_Sample], models: list[str]) -> list[Summary]:
    units: dict[tuple[str, str], list[_Sample]] = defaultdict(list)
    for sample in table:
        units[sample.subject, sample.class_name].append(sample)
    found = []
    for first, second in itertools.combinations(models, 2):
        pairs = [
            (
                subject,
                float(np.mean([sample.dice[first] for sample in members])),
                float(np.mean([sample.dice[second] for sample in members])),
            )
            for (subject, _), members in units.items()
        ]
        found.append({"first": first, "second": second, **compare(pairs).to_json()})
    return found


def _display_names(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """Model and identity to the name shown: with several weights under one name, "name @identity"."""
    identities: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.identity not in identities[row.model]:
            identities[row.model].append(row.identity)
    return {
        (model, identity): model if len(several) == 1 else f"{model} @{identity}"
        for model, several in identities.items()
        for identity in several
    }
