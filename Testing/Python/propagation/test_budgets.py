"""How much is looked at: patches per level, field of view, and slices at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError
from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.gap_filling import Portion
from PatchICLLib.propagation.painted_context import FINE_SIZES, SIZES
from PatchICLLib.propagation.patch_budget import for_propagation
from PatchICLLib.propagation.prediction import Prediction
from PatchICLLib.propagation.result.propagation_result import SliceSelections
from Testing.Miniatures.small_cascade import SMALL

from .conftest import Scan

NewEngine = Callable[[], Propagator]


def most_patches(selections: tuple[SliceSelections, ...] | None, level: int) -> tuple[int, int]:
    """Most target patches of any slice at a level, and most context patches of any painted slice."""
    assert selections
    levels = [one.levels[level] for one in selections if len(one.levels) > level]
    context = max(
        sum(box.slice_index == index for box in found.context_patches)
        for found in levels
        for index in {box.slice_index for box in found.context_patches}
    )
    return max(len(found.patches) for found in levels), context


@pytest.mark.parametrize(("factor", "expected"), [(0.5, 2), (1.0, 4), (1.5, 6)])
def test_patch_budget(engine: Propagator, scan: Scan, factor: float, expected: int) -> None:
    result = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], patch_budget=factor)
    assert most_patches(result.selections, 1) == (expected, expected)
    assert result.report["patch_budget"] == factor


def test_patch_budget_leaves_the_model_as_it_is(small_model: SparseCascade) -> None:
    twin = for_propagation(small_model, 3.0)
    usual = len(SMALL.resolutions(SIZES[-1]))
    assert small_model.configuration == SMALL and twin.configuration.target_patches[:usual] == (12,) * usual  # type: ignore[union-attr, index]
    assert all(a is b for a, b in zip(small_model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("own", [1, 5, 4000])
def test_finer_levels_follow_an_outline_that_is_longer_in_patches(own: int) -> None:
    model = SparseCascade(replace(SMALL, target_patches=(own,), context_patches=(own,)))
    twin = for_propagation(model)
    configuration = twin.configuration
    assert isinstance(configuration, SparseConfiguration)
    for number, side in enumerate(configuration.resolutions(FINE_SIZES[-1])):
        around = 0 if side <= SIZES[-1] else 3 * side / SMALL.patch_size  # of a square that fills three quarters of it
        assert configuration.budget(configuration.target_patches, number) == max(own, around)
        assert configuration.budget(configuration.context_patches, number) == max(own, around / 2)
    assert (twin.finest_told, model.finest_told) == (SIZES[-1], None)


def test_field_of_view(new_engine: NewEngine, scan: Scan) -> None:
    arguments = (scan.image, scan.painted, scan.spacing)
    usual = new_engine().propagate(*arguments, labels=[1], logits_slices=[5])
    wide = new_engine().propagate(*arguments, labels=[1], logits_slices=[5], field_of_view=2.6)
    assert usual.logits and wide.logits
    assert np.divide(wide.logits[0].size, usual.logits[0].size) == pytest.approx([2, 2])
    assert (usual.report["field_of_view"], wide.report["field_of_view"]) == (1.3, 2.6)


def test_results_of_other_settings_are_not_mixed_up(engine: Propagator, new_engine: NewEngine, scan: Scan) -> None:
    arguments = (scan.image, scan.painted, scan.spacing)
    engine.propagate(*arguments)
    for options in ({"patch_budget": 0.5}, {"field_of_view": 2.0}):
        again, anew = (one.propagate(*arguments, **options) for one in (engine, new_engine()))
        assert (again.probability == anew.probability).all()  # type: ignore[union-attr]


@pytest.mark.parametrize("options", [{"patch_budget": 0.0}, {"patch_budget": 11}, {"field_of_view": 0.5}])
def test_unusable_budgets(engine: Propagator, scan: Scan, options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        engine.propagate(scan.image, scan.painted, scan.spacing, **options)


@pytest.mark.parametrize("most", [1, 3])
def test_short_memory_costs_time_and_nothing_else(
    new_engine: NewEngine, scan: Scan, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    arguments = (scan.image, scan.painted, scan.spacing)
    expected = new_engine().propagate(*arguments)
    predict = Prediction.of
    sizes: list[int] = []

    def predict_little(self: Prediction, portions: Sequence[Portion]) -> object:
        sizes.append(sum(len(portion.indices) for portion in portions))
        if sizes[-1] > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return predict(self, portions)

    monkeypatch.setattr(Prediction, "of", predict_little)
    result = new_engine().propagate(*arguments)
    assert (result.labels == expected.labels).all()
    np.testing.assert_allclose(result.probability, expected.probability, atol=2e-3)  # type: ignore[arg-type]
    assert sum(size > most for size in sizes) <= 3, "it is not tried again and again"
    assert result.report["memory_was_short"] and not expected.report["memory_was_short"]


def test_too_little_memory_for_one_slice_is_told() -> None:
    def fail(batch: Sequence[int]) -> list[int]:
        tried.append(len(batch))
        raise MemoryError

    tried: list[int] = []
    with pytest.raises(MemoryError):
        BatchLimit().map([1, 2, 3], fail)
    assert tried == [3, 1]


def test_other_failures_are_not_tried_again() -> None:
    def fail(batch: Sequence[int]) -> list[int]:
        tried.append(len(batch))
        raise RuntimeError("shapes differ")

    tried: list[int] = []
    with pytest.raises(RuntimeError, match="shapes differ"):
        BatchLimit().map([1, 2, 3], fail)
    assert tried == [3]
