"""On a graphics card: the same segmentation as on the CPU, twice the same bits, and training that goes on anywhere."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from PatchICLLib import InContextSegmenter, Propagator
from PatchICLLib.benchmark.propagations import measure_propagations
from PatchICLLib.benchmark.scans import Scan, painted_phantom
from PatchICLLib.propagation.result.propagation_result import PropagationResult

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module")
def painted(phantom) -> np.ndarray:
    """The phantom's reference on its first, middle and last slice that hold label 1."""
    held = np.flatnonzero((phantom.labels == 1).any((1, 2)))
    chosen = [held[0], held[len(held) // 2], held[-1]]
    painted = np.zeros_like(phantom.labels)
    painted[chosen] = phantom.labels[chosen]
    return painted


@pytest.fixture(scope="module")
def on_cuda(phantom, painted) -> PropagationResult:
    return Propagator.from_pretrained(device="cuda").propagate(phantom.image, painted, phantom.spacing)


def test_half_precision_gives_the_labels_of_the_cpu(phantom, painted, on_cuda):
    on_cpu = Propagator.from_pretrained(device="cpu").propagate(phantom.image, painted, phantom.spacing)
    assert on_cuda.report["device"].startswith("cuda") and on_cpu.report["device"] == "cpu"
    for label in np.unique(painted)[1:]:
        a, b = on_cuda.labels == label, on_cpu.labels == label
        assert b.sum() > 100
        assert dice(a, b) > 0.995
    assert np.abs(on_cuda.probability - on_cpu.probability).mean() < 2e-3
    assert np.abs(on_cuda.entropy - on_cpu.entropy).mean() < 5e-3


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_nothing_but_results_is_waited_for(phantom, painted, on_cuda, monkeypatch):
    """However many slices there are: the card is asked for values only where ``to_host`` does, a few times in all."""
    reads = []
    original = torch.Tensor.cpu

    def allowed(tensor: torch.Tensor) -> torch.Tensor:
        reads.append(tensor.shape)
        mode = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("default")
        try:
            return original(tensor)
        finally:
            torch.cuda.set_sync_debug_mode(mode)

    engine = Propagator.from_pretrained(device="cuda")
    monkeypatch.setattr(torch.Tensor, "cpu", allowed)
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = engine.propagate(phantom.image, painted, phantom.spacing)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert np.array_equal(result.labels, on_cuda.labels)
    assert len(reads) < result.report["timings"]["computed_slices"]


@pytest.mark.slow
def test_a_large_scan_fits_a_laptops_card():
    image, painted, mask = painted_phantom((300, 512, 512))
    engine = Propagator.from_pretrained(device="cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    result = engine.propagate(image, painted)
    assert torch.cuda.max_memory_reserved() < 4 * 2**30
    assert not result.report["memory_was_short"]
    assert dice(result.labels > 0, mask) > 0.99


@pytest.mark.slow
def test_seconds_of_the_parts_are_the_cards():
    warm = next(
        record
        for record in measure_propagations([Scan((24, 96, 96))], until=time.time() + 90, device="cuda")
        if record["mode"] == "warm"
    )
    assert warm["parts"]["network"] > 0 and warm["parts"]["copy"] > 0
    assert sum(warm["parts"].values()) <= 1.05 * warm["seconds"]


def test_painted_slices_come_back_bit_for_bit(painted, on_cuda):
    slices = painted.any((1, 2))
    assert slices.sum() == 3
    assert np.array_equal(on_cuda.labels[slices], painted[slices])


def test_the_same_input_gives_the_same_bits(phantom, painted, on_cuda):
    again = Propagator.from_pretrained(device="cuda").propagate(phantom.image, painted, phantom.spacing)
    for name in ("labels", "probability", "entropy"):
        assert np.array_equal(getattr(again, name), getattr(on_cuda, name)), name


@pytest.fixture
def limit() -> Iterator[Callable[[float], None]]:
    """Leaves this process so many bytes of the card's memory, until the test ends."""

    def leave(bytes_: float) -> None:
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, bytes_ / total), 0)

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0, 0)
    torch.cuda.empty_cache()


def test_short_memory_costs_time_and_nothing_else(phantom, painted, on_cuda, limit):
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    at_rest = torch.cuda.memory_reserved()
    Propagator.from_pretrained(device="cuda").propagate(phantom.image, painted, phantom.spacing)
    used = torch.cuda.max_memory_reserved() - at_rest
    for share in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):  # until batches fit no more, though a slice does
        engine = Propagator.from_pretrained(device="cuda")
        limit(at_rest + share * used)
        result = engine.propagate(phantom.image, painted, phantom.spacing)
        if result.report["memory_was_short"]:
            break
        limit(torch.inf)
    assert result.report["memory_was_short"] and not on_cuda.report["memory_was_short"]
    assert (result.labels != on_cuda.labels).mean() < 1e-3


def test_pictures_are_segmented_as_on_the_cpu(phantom):
    held = np.flatnonzero((phantom.labels == 1).any((1, 2)))
    middle = held[len(held) // 2]
    results = []
    for device in ("cpu", "cuda"):
        segmenter = InContextSegmenter.from_pretrained(device=device)
        segmenter.set_context(phantom.image[[middle - 1]], phantom.labels[[middle - 1]] == 1)
        results.append(segmenter.segment(phantom.image[middle]).mask)
    assert results[0].sum() > 100
    assert dice(*results) > 0.99


@pytest.mark.parametrize("devices", [("cuda", "cuda"), ("cuda", "cpu"), ("cpu", "cuda")])
def test_training_goes_on_anywhere(tmp_path, devices):
    pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")
    from PatchICLLib.training.checkpoint import Checkpoint
    from PatchICLLib.training.mixture import BatchPlan
    from PatchICLLib.training.recipe import RECIPES, Recipe
    from PatchICLLib.training.run_files import CHECKPOINT
    from PatchICLLib.training.synthetic import random_anatomy
    from PatchICLLib.training.tasks import VolumeTasks
    from PatchICLLib.training.trainer import Trainer
    from PatchICLLib.training.trainer_options import TrainerOptions

    recipe = Recipe(RECIPES["check"].model, BatchPlan(2, 2, (2,), ((64, 1.0),)), steps=8, warm_up=2)
    mixture = [(VolumeTasks(random_anatomy), 1.0)]
    for first, device in zip((True, False), devices, strict=True):
        options = TrainerOptions(tmp_path, device, workers=0, log_every=2)
        trainer = Trainer(recipe, mixture, options, proceed=lambda step, first=first: not first or step < 4)
        if not first:
            trainer.resume(Checkpoint.load(tmp_path / CHECKPOINT))
            assert trainer.step == 4
        assert trainer.train() is not first
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())
    start = Trainer(recipe, mixture, TrainerOptions(tmp_path)).model
    assert not torch.equal(trainer.model.cpu().embed.weight, start.embed.weight)
