"""The sparse cascade as a whole: its context cache, batching, hints, noise, early stop, sizes and gradients."""

from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F

from PatchICLLib.cascade.context_cache import ContextCache
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.sparse import SparseCascade

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def rows_of(hints: Hints, rows) -> Hints:
    return Hints(*(getattr(hints, f.name)[rows] for f in fields(Hints)))


@pytest.fixture(autouse=True)
def _without_gradients(request):
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


@pytest.fixture
def scene(discs, all_hints):
    """Two sets of 3 context images, two targets each, everything known about them."""
    images, masks = discs(2, 3, 64)
    targets = discs(2, 2, 64, seed=1)[0].reshape(4, 1, 64, 64)
    places = torch.tensor([[-0.4, 0.0, 0.5], [-0.3, 0.1, 0.2]])
    return images, masks, places, targets, all_hints(4, 64), torch.tensor([-0.2, 0.3, 0.15, 0.05])


def test_segmenting_leaves_the_cache_as_it_was(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    cache = model.encode_context(images, masks, places)
    before = [[keys.clone() for keys in level.layers] + [level.late_keys.clone()] for level in cache.levels]
    model(targets, cache, hints, at)
    after = [list(level.layers) + [level.late_keys] for level in cache.levels]
    assert all(torch.equal(a, b) for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True))


def test_order_of_context_images_changes_nothing(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    first = model(targets, model.encode_context(images, masks, places), hints, at)
    for order in ([2, 0, 1], [1, 0, 2]):
        shuffled = model.encode_context(images[:, order], masks[:, order], places[:, order])
        second = model(targets, shuffled, hints, at)
        torch.testing.assert_close(first.logits, second.logits, **TOLERANCE)
        for a, b in zip(first.levels, second.levels, strict=True):
            assert torch.equal(a.context[:, order], b.context)


def test_sets_batched_equal_one_by_one(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    together = model(targets, model.encode_context(images, masks, places), hints, at)
    for i in range(4):
        b, one = slice(i // 2, i // 2 + 1), slice(i, i + 1)
        alone = model(targets[one], model.encode_context(images[b], masks[b], places[b]), rows_of(hints, one), at[one])
        torch.testing.assert_close(alone.logits, together.logits[one], **TOLERANCE)


def test_places_that_only_pad_the_batch_change_nothing(small_cascade, scene):
    """One target certain nearly everywhere, another undecided: the first chooses fewer patches than the batch."""
    model = small_cascade(minimum_entropy=0.3)
    images, masks, places, targets, hints, at = scene
    hints.shape[0] = torch.where(hints.shape[0] > 0, 60.0, -60.0)
    hints.shape[0, 0, :16, :16] = 0
    hints = replace(hints, vote_given=torch.zeros(4))
    together = model(targets, model.encode_context(images, masks, places), hints, at)
    fine = together.levels[-1]
    assert not fine.selection.valid[0].all()
    assert fine.selection.valid[1].all()
    one = slice(0, 1)
    alone = model(
        targets[one], model.encode_context(images[one], masks[one], places[one]), rows_of(hints, one), at[one]
    )
    assert alone.levels[-1].resolution == fine.resolution
    assert alone.levels[-1].selection.count < fine.selection.count
    torch.testing.assert_close(alone.logits, together.logits[one], **TOLERANCE)


def test_only_differences_of_place_along_the_third_axis_matter(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    first = model(targets, model.encode_context(images, masks, places), hints, at).logits
    moved = model(targets, model.encode_context(images, masks, places + 3.0), hints, at + 3.0).logits
    torch.testing.assert_close(first, moved, rtol=2e-3, atol=2e-3)
    farther = model(targets, model.encode_context(images, masks, places), hints, at + 0.5).logits
    assert (farther - first).abs().max() > 0.01


def test_only_differences_of_place_in_the_plane_matter(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    of_context, of_targets = (F.pad(x[..., None], (2, 0)) for x in (places, at))
    shift = torch.tensor([0.3, -0.2, 0.1])

    def logits(of_context, of_targets):
        return model(targets, model.encode_context(images, masks, of_context), hints, of_targets).logits

    still = logits(of_context, of_targets)
    assert torch.equal(still, logits(places, at))
    torch.testing.assert_close(still, logits(of_context + shift, of_targets + shift), rtol=2e-3, atol=2e-3)
    assert (still - logits(of_context + shift, of_targets)).abs().max() > 0.01


def test_the_context_decides(small_cascade, scene, discs):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    first = model(targets, model.encode_context(images, masks, places)).logits
    other = model(targets, model.encode_context(images, 1 - masks, places)).logits
    assert (first - other).abs().max() > 0.5


@pytest.mark.parametrize("name", ["shape", "vote", "neighbours"])
def test_hints_that_are_not_given_cannot_leak(small_cascade, scene, name):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    context = model.encode_context(images, masks, places)
    absent = replace(hints, **{f"{name}_given": torch.zeros(4)})
    nonsense = replace(absent, **{name: 50 * torch.randn(getattr(hints, name).shape)})
    first = model(targets, context, absent, at).logits
    assert torch.equal(model(targets, context, nonsense, at).logits, first)
    assert not torch.equal(model(targets, context, hints, at).logits, first)


def test_no_hints_are_hints_that_are_not_given(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    context = model.encode_context(images, masks, places)
    none = torch.zeros(4)
    withheld = replace(hints, shape_given=none, vote_given=none, neighbours_given=none)
    assert torch.equal(model(targets, context, None, at).logits, model(targets, context, withheld, at).logits)


def test_untrained_the_cascade_starts_from_its_hints(small_configuration, scene):
    """Without coverage nothing is added: outside the chosen patches the start remains, by its two gains."""
    model = SparseCascade(small_configuration).eval()
    images, masks, places, targets, hints, at = scene
    output = model(targets, model.encode_context(images, masks, places), hints, at)
    shape_gain, vote_gain = model.prior_gains.tolist()
    start = shape_gain * hints.shape[:, :1] + vote_gain * hints.vote[:, :1]
    torch.testing.assert_close(output.levels[0].before, torch.nn.functional.avg_pool2d(start, 4), rtol=1e-5, atol=1e-5)


def test_seeds_reproduce_training_noise(small_cascade, scene):
    model = small_cascade().train()
    images, masks, places, targets, hints, at = scene

    def run(seed):
        noise = torch.Generator().manual_seed(seed)
        context = model.encode_context(images, masks, places, noise)
        output = model(targets, context, hints, at, noise)
        chosen = [level.selection.indices for level in output.levels] + [level.context for level in output.levels]
        return output.logits, chosen

    (logits, chosen), (again, chosen_again), (_, chosen_otherwise) = run(1), run(1), run(2)
    assert torch.equal(logits, again)
    assert all(torch.equal(a, b) for a, b in zip(chosen, chosen_again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(chosen, chosen_otherwise, strict=True))


def test_inference_has_no_noise(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene

    def run(seed):
        noise = torch.Generator().manual_seed(seed)
        return model(targets, model.encode_context(images, masks, places, noise), hints, at, noise).logits

    assert torch.equal(run(1), run(2))


@pytest.mark.parametrize("logit", [-60.0, 60.0])
def test_certain_inputs_stop_after_the_level_that_looks_at_everything(small_cascade, scene, logit):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    hints.shape[:] = logit
    hints = replace(hints, vote_given=torch.zeros(4))
    output = model(targets, model.encode_context(images, masks, places), hints, at)
    assert [level.resolution for level in output.levels] == [16]
    assert output.logits.shape == (4, 1, 64, 64)
    assert ((output.logits > 0) == (logit > 0)).all()
    # what the coarse level corrected is carried up to the input's size
    (level,) = output.levels
    correction = level.after - level.before
    for size in (32, 64):
        correction = torch.nn.functional.interpolate(correction, size=size, mode="bilinear")
    torch.testing.assert_close(output.logits, model.prior_gains[0] * logit + correction, rtol=1e-4, atol=1e-3)


def test_a_target_that_stops_early_is_the_same_in_a_batch_that_goes_on(small_cascade, scene):
    model = small_cascade()
    images, masks, places, targets, hints, at = scene
    hints.shape[0], hints.shape[1:] = 40.0, 0.0
    hints = replace(hints, vote_given=torch.zeros(4))
    # the first of the context's sets with its two targets, alone and together
    context = model.encode_context(images[:1], masks[:1], places[:1])
    together = model(targets[:2], context, rows_of(hints, slice(0, 2)), at[:2])
    alone = model(targets[:1], context, rows_of(hints, slice(0, 1)), at[:1])
    assert len(alone.levels) < len(together.levels)
    torch.testing.assert_close(together.logits[:1], alone.logits, **TOLERANCE)


def test_training_never_stops_early(small_cascade, scene):
    model = small_cascade().train()
    images, masks, places, targets, hints, at = scene
    hints.shape[:] = 60.0
    output = model(targets, model.encode_context(images, masks, places), hints, at)
    assert [level.resolution for level in output.levels] == [16, 32, 64]


@pytest.mark.parametrize("size", [32, 64, 128, 256, pytest.param(512, marks=pytest.mark.slow)])
def test_the_default_cascade_takes_every_size(size, discs):
    torch.manual_seed(0)
    model = SparseCascade().eval()
    images, masks = discs(1, 2, size)
    output = model(discs(1, 1, size, 1)[0], model.encode_context(images, masks))
    assert output.logits.shape == (1, 1, size, size)
    assert output.logits.isfinite().all()
    assert [level.resolution for level in output.levels] == [32 * 2**n for n in range(len(output.levels))]
    assert output.levels[-1].resolution == size


@pytest.mark.parametrize(
    ("images", "masks"),
    [((1, 2, 32, 32), (1, 3, 32, 32)), ((1, 2, 32, 64), (1, 2, 32, 64)), ((2, 32, 32), (2, 32, 32))],
)
def test_context_of_odd_shapes_is_refused(small_cascade, images, masks):
    with pytest.raises(ValueError, match="must be .B, k, H, H."):
        small_cascade().encode_context(torch.zeros(images), torch.zeros(masks))


def test_sizes_that_are_no_level_are_refused(small_cascade):
    with pytest.raises(ValueError, match="pixels a side, not 40"):
        small_cascade().encode_context(torch.zeros(1, 1, 40, 40), torch.zeros(1, 1, 40, 40))


@pytest.mark.parametrize("shape", [(2, 1, 64, 64), (3, 1, 32, 32)])
def test_targets_that_do_not_fit_the_context_are_refused(small_cascade, discs, shape):
    model = small_cascade()
    cache: ContextCache = model.encode_context(*discs(2, 1, 32))
    with pytest.raises(ValueError, match="do not fit a context of 2 sets of 32 pixels"):
        model(torch.zeros(shape), cache)


def test_patches_that_cannot_hold_the_tokens_are_refused(small_configuration):
    with pytest.raises(ValueError, match="cannot hold 3 tokens a side"):
        SparseCascade(replace(small_configuration, tokens_per_side=3))


@pytest.mark.parametrize("tokens_per_side", [1, 2])
def test_gradients_reach_every_parameter(small_cascade, scene, tokens_per_side):
    model = small_cascade(tokens_per_side=tokens_per_side).train()
    images, masks, places, targets, hints, at = scene
    noise = torch.Generator().manual_seed(0)
    subject = torch.arange(images.shape[1]).expand(images.shape[:2])
    output = model(targets, model.encode_context(images, masks, places, noise, subject=subject), hints, at, noise)
    sum(level.after.square().mean() for level in output.levels).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_a_context_of_another_subject_alone_needs_no_numbers(small_cascade, scene):
    model = small_cascade()
    for name, parameter in model.named_parameters():
        if name.endswith("other_subject"):
            torch.nn.init.constant_(parameter, 0.5)
    images, masks, places, targets, hints, at = scene

    def encoded(first: int, last: int | None, subject: object) -> ContextCache:
        return model.encode_context(images[:, first:last], masks[:, first:last], places[:, first:last], subject=subject)

    numbers = torch.ones(images.shape[:2], dtype=torch.uint8)
    numbers[:, 0] = 0
    together = encoded(0, None, numbers)
    apart = ContextCache.beside([encoded(0, 1, None), encoded(1, None, True)])
    untold = ContextCache.beside([encoded(0, 1, None), encoded(1, None, None)])
    expected, found, other = (model(targets, context, hints, at).logits for context in (together, apart, untold))
    torch.testing.assert_close(found, expected)
    assert (other - expected).abs().max() > 1e-4


@pytest.mark.parametrize("changes", [{"patch_stride": 4}, {"halo": 0}, {"patch_size": 16, "tokens_per_side": 4}])
def test_overlap_halo_and_grain_can_be_chosen(small_cascade, scene, changes):
    model = small_cascade(**changes)
    images, masks, places, targets, hints, at = scene
    output = model(targets, model.encode_context(images, masks, places), hints, at)
    assert output.logits.shape == (4, 1, 64, 64)
    assert len(output.levels) == 3


@pytest.mark.parametrize("told", [16, 32])
def test_levels_finer_than_the_network_is_told_of_are_told_to_be_the_finest_that_it_is(small_cascade, discs, told):
    images, masks = discs(1, 2, 32)
    model, usual = small_cascade(), small_cascade()
    model.finest_told = told
    with torch.no_grad():
        levels, others = (one(images[:, :1], one.encode_context(images, masks)).levels for one in (model, usual))
    assert torch.equal(levels[0].after, others[0].after)
    assert torch.equal(levels[1].after, others[1].after) == (told == 32)
