"""Figures show what they are given."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.medsegbench import Bench, MedSegBench
from PatchICLLib.experiments import figures
from PatchICLLib.experiments.cost import cost_records
from PatchICLLib.experiments.figures import Scene, draw_by_resolution, draw_cascade
from PatchICLLib.experiments.models import MeanMask, ModelChoice, Prediction
from PatchICLLib.experiments.published import PublishedTable
from PatchICLLib.experiments.runner import Experiment
from PatchICLLib.experiments.scenes import cascade_scenes
from PatchICLLib.weights import BUNDLED


def test_cost_is_drawn_where_it_is_known(tmp_path: Path) -> None:
    record = {"model": "a", "resolution": 128, "gflops": 3.0, "dice": 0.5, "seconds": 0.1}
    assert draw_by_resolution([record, {**record, "resolution": 256, "gflops": 9.0}], tmp_path / "cost.png")
    assert matplotlib.image.imread(tmp_path / "cost.png").std() > 0
    assert not draw_by_resolution([{**record, "gflops": None}], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize(
    ("model", "context", "dashed", "starred"), [("paper", 3, 1, 1), ("paper", 2, 1, 0), ("a", 3, 0, 0)]
)
def test_the_papers_own_figures_stand_beside_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, context: int, dashed: int, starred: int
) -> None:
    """A dashed line at its Dice, and a star at its operations, which are of three context images."""
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save_picture", lambda figure, path: drawn.append(figure))
    table = PublishedTable("somewhere", {"Overall": {"paper": 0.4}}, None)
    record = {"model": model, "resolution": 512, "gflops": 300.0, "dice": 0.5, "seconds": 0.1}
    draw_by_resolution([record], tmp_path / "cost.png", table, context)
    accuracy, compute = drawn[0].axes
    assert [float(line.get_ydata()[0]) for line in accuracy.lines if line.get_linestyle() == "--"] == [0.4] * dashed
    stars = [line for line in compute.lines if line.get_marker() == "*"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in stars] == [(512, 308.0)] * starred


def test_models_may_have_the_same_figures(tmp_path: Path) -> None:
    """As other weights of the same network have, whose colors are of other kinds."""
    records = [{"model": name, "resolution": 128, "gflops": 3.0, "dice": 0.5} for name in ("sparse", "mine", "paper")]
    assert draw_by_resolution(records, tmp_path / "cost.png")


@pytest.mark.parametrize("number", [0, 1])
def test_numbers_in_the_figure_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """They lie within the axes, and none over another, however close the lines come."""
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save_picture", lambda figure, path: drawn.append(figure))
    rng = np.random.default_rng(number)
    records = [
        {"model": model, "resolution": side, "gflops": 10 ** rng.uniform(0, 0.5), "dice": rng.uniform(0.5, 0.6)}
        for model in ("a", "b", "c", "d")
        for side in (128, 256, 512)
    ]
    draw_by_resolution(records, tmp_path / "cost.png")
    drawn[0].canvas.draw()
    for axes in drawn[0].axes:
        frame, boxes = axes.get_window_extent(), [text.get_window_extent() for text in axes.texts]
        assert len(boxes) >= 6  # of each resolution at least that of two
        assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


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


def test_patches_are_drawn_where_they_were_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image like its context only what is around the context's masks is seen."""
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save_picture", lambda figure, path: drawn.append(figure))
    rows, columns = np.mgrid[:300, :400]
    mask = np.hypot(rows - 220, columns - 90) < 20
    image = 200.0 * mask + 0.3 * columns + 40 * np.sin(rows / 30)
    model = ModelChoice.parse("sparse").load(torch.device("cpu"))
    found = model.predict([image], [mask], image, 128)
    assert found.seen is not None and found.seen[2] < 200
    draw_cascade([Scene("disc", image, mask, image, mask, found.mask, found.levels, found.seen)], tmp_path / "c.png")
    for axes in drawn[0].axes[1 : 1 + len(found.levels)]:
        boxes = np.array([patch.get_bbox().extents for patch in axes.patches])
        first, last = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        assert (first <= [90 - 15, 220 - 15]).all() and (last >= [90 + 15, 220 + 15]).all()
        assert (last - first <= found.seen[2] + 1e-6).all()


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


def test_what_is_no_cascade_is_asked_once(medsegbench_folder: Path) -> None:
    """It looks at everything in one level, which is nothing to draw and may take long."""
    asked = []

    class OneLevel:
        name, identity, network = "one level", "", torch.nn.Identity()

        def predict(self, images, masks, target, size) -> Prediction:
            asked.append(size)
            return Prediction(np.zeros(target.shape, bool), 0.0, (SimpleNamespace(resolution=size),))

    assert cascade_scenes(MedSegBench(medsegbench_folder, Bench(128)), [OneLevel()], Experiment((64, 128))) == []
    assert asked == [128]
