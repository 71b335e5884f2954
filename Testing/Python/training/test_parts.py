"""Batches in parts: together the same batch, however it is divided."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.errors import InputError  # noqa: E402
from PatchICLLib.training.mixture import BatchPlan, BatchStream  # noqa: E402
from PatchICLLib.training.parts import Division, PartStream, noise_of  # noqa: E402
from PatchICLLib.training.ranks import Ranks  # noqa: E402
from PatchICLLib.training.task_batch import TaskBatch  # noqa: E402
from PatchICLLib.training.trainer import Trainer  # noqa: E402
from PatchICLLib.training.trainer_options import TrainerOptions  # noqa: E402

PLAN = BatchPlan(tasks=4, targets=2, contexts=(1, 2), sizes=((32, 1.0),))


@pytest.fixture(scope="module")
def stream(anatomy_mixture) -> BatchStream:
    return BatchStream(anatomy_mixture, PLAN, 5, 3)


@pytest.fixture(scope="module")
def undivided(stream) -> list[TaskBatch]:
    return [stream[number] for number in range(len(stream))]


@pytest.mark.parametrize(
    ("processes", "accumulate", "workers"), [(1, 1, 0), (1, 4, 0), (2, 1, 1), (2, 2, 2), (4, 1, 1), (1, 2, 2)]
)
def test_together_always_the_same_batches(stream, undivided, processes: int, accumulate: int, workers: int) -> None:
    """However they are divided among processes and drawn by workers."""
    ranks = [
        list(
            DataLoader(PartStream(stream, Division(processes, accumulate, rank)), batch_size=None, num_workers=workers)
        )
        for rank in range(processes)
    ]
    for number, expected in enumerate(undivided):
        parts = [part for rank in ranks for part in rank[number]]
        assert len(parts) == processes * accumulate
        found = TaskBatch.collate(parts)
        for name in ("images", "masks", "positions", "given"):
            assert torch.equal(getattr(expected, name), getattr(found, name))
        assert (expected.runs is None) == (found.runs is None)
        if expected.runs is not None and found.runs is not None:
            for name in vars(expected.runs):
                assert np.array_equal(getattr(expected.runs, name), getattr(found.runs, name))
    assert not torch.equal(undivided[0].images[:, :1], undivided[1].images[:, :1])


@pytest.mark.parametrize(("processes", "accumulate"), [(3, 1), (1, 3), (2, 4), (1, 0)])
def test_uneven_divisions_are_refused(stream, processes: int, accumulate: int) -> None:
    with pytest.raises(InputError, match="A batch of 4 tasks cannot be divided evenly"):
        PartStream(stream, Division(processes, accumulate))


def test_noise_depends_on_seed_step_and_part_only() -> None:
    def draw(*key: int) -> list[float]:
        return torch.rand(3, generator=noise_of(*key, torch.device("cpu"))).tolist()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({tuple(draw(*key)) for key in ((1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4))}) == 4


def test_a_single_process_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    ranks = Ranks.from_environment()
    assert (ranks.leads, ranks.together, ranks.device("cuda")) == (True, False, "cuda")
    assert ranks.gathered([1, 2]) == [1, 2] and ranks.any(True, torch.device("cpu"))
    monkeypatch.setenv("RANK", "3"), monkeypatch.setenv("WORLD_SIZE", "4"), monkeypatch.setenv("LOCAL_RANK", "1")
    ranks = Ranks.from_environment()
    assert (ranks.leads, ranks.together, ranks.device("cuda"), ranks.device("cpu")) == (False, True, "cuda:1", "cpu")
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(InputError, match="must be whole numbers"):
        Ranks.from_environment()


@pytest.fixture
def shares(tiny_recipe):
    """A recipe of 2 steps with batches of 4 tasks."""
    return replace(tiny_recipe(steps=2), plan=PLAN)


def test_accumulated_gradients_are_those_of_the_whole_batch(shares, anatomy_mixture, tmp_path) -> None:
    """Without selection noise, the only thing that parts draw for themselves."""
    quiet = replace(shares, model=replace(shares.model, temperature=0.0))
    figures = []
    for accumulate in (2, 4):
        options = TrainerOptions(tmp_path, workers=0, log_every=1, accumulate=accumulate)
        entries: list[dict] = []
        assert Trainer(quiet, anatomy_mixture, options, announce=entries.append).train()
        figures.append([(entry["loss"], entry["gradient"]) for entry in entries])
    # the first step is on the same weights; then AdamW turns rounding of tiny gradients into steps
    assert figures[0][0] == pytest.approx(figures[1][0], rel=1e-3)
    assert figures[0][1] == pytest.approx(figures[1][1], rel=2e-2)


def test_mixed_precision_trains(shares, anatomy_mixture, tmp_path) -> None:
    exact = Trainer(shares, anatomy_mixture, TrainerOptions(tmp_path / "a", workers=0, log_every=1))
    half = Trainer(shares, anatomy_mixture, TrainerOptions(tmp_path / "b", workers=0, log_every=1, precision="bf16"))
    assert exact.train() and half.train()
    same = [torch.equal(a, b) for a, b in zip(exact.model.parameters(), half.model.parameters(), strict=True)]
    assert not all(same)
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in half.model.parameters())
    with pytest.raises(InputError, match="precision must be one of auto, 32, bf16"):
        Trainer(shares, anatomy_mixture, TrainerOptions(tmp_path, precision="16"))
