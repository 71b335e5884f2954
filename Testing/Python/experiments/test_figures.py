"""Figures show what they are given."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import torch

from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.medsegbench import Bench, MedSegBench
from PatchICLLib.experiments.cost import cost_records
from PatchICLLib.experiments.figures import draw_cascade, draw_cost
from PatchICLLib.experiments.models import MeanMask, ModelChoice
from PatchICLLib.experiments.runner import Experiment
from PatchICLLib.experiments.scenes import cascade_scenes
from PatchICLLib.weights import BUNDLED


def test_cost_is_drawn_where_it_is_known(tmp_path: Path) -> None:
    record = {"model": "a", "resolution": 128, "gflops": 3.0, "dice": 0.5, "seconds": 0.1}
    assert draw_cost([record, {**record, "resolution": 256, "gflops": 9.0}], tmp_path / "cost.png")
    assert matplotlib.image.imread(tmp_path / "cost.png").std() > 0
    assert not draw_cost([{**record, "gflops": None}], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_the_cascade_shows_patches_of_every_level(medsegbench_folder: Path, tmp_path: Path) -> None:
    model = ModelChoice.parse("sparse").load(torch.device("cpu"))
    data = MedSegBench(medsegbench_folder, Bench(128))
    scenes = cascade_scenes(data, [MeanMask(), model], Experiment((128,), ContextRule(2, False)))
    assert [scene.title.split(":")[0] for scene in scenes] == ["MRI", "Microscopy"]
    for scene in scenes:
        sides = [level.resolution for level in scene.levels]
        assert len(sides) > 1 and sides == sorted(sides) and sides[-1] == 128
    draw_cascade(scenes, tmp_path / "cascade.png")
    picture = matplotlib.image.imread(tmp_path / "cascade.png")[..., :3]
    gold = np.abs(picture - np.array([1, 215 / 255, 0])).max(-1) < 0.1
    assert gold.sum() > 500
    assert cascade_scenes(data, [MeanMask()], Experiment()) == []


def test_operations_are_those_of_the_models_own_count_and_remembered(tmp_path: Path) -> None:
    from PatchICLLib.benchmark.compute import measure_compute

    model = ModelChoice.parse("sparse").load(torch.device("cpu"))
    overall = {"models": {"sparse": {"mean": 0.5}, "mean-mask": {"mean": 0.1}}}
    summary = {"resolutions": {"128": {"overall": overall, "seconds": {"sparse": 0.2, "mean-mask": 0.0}}}}
    ours, trivial = cost_records(summary, [model, MeanMask()], 3, tmp_path)
    expected = next(r for r in measure_compute(["sparse"], [128], [3], BUNDLED["sparse"]) if r["mode"] == "first")
    assert ours["gflops"] == expected["gflops"]
    assert (ours["dice"], ours["seconds"], trivial["gflops"]) == (0.5, 0.2, None)
    assert cost_records(summary, [], 3, tmp_path)[0]["gflops"] == expected["gflops"]
