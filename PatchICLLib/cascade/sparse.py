"""The `sparse` cascade: the paper's equations over patches that are encoded only when they are chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade import hint_channels
from PatchICLLib.cascade.aggregation import aggregate
from PatchICLLib.cascade.attention import AttentionLayer
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.context_cache import ContextCache, ContextLevel
from PatchICLLib.cascade.context_weights import context_patch_weights
from PatchICLLib.cascade.decoder import PatchDecoder
from PatchICLLib.cascade.encoder import PatchEncoder
from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.fusion import fuse
from PatchICLLib.cascade.hint_channels import Hints, pool
from PatchICLLib.cascade.patches import PatchGrid, crop_patches
from PatchICLLib.cascade.positions import RotaryEmbedding, in_space, token_positions
from PatchICLLib.cascade.readout import MaskReadout
from PatchICLLib.cascade.resizing import resized
from PatchICLLib.cascade.resolution import ResolutionEncoding
from PatchICLLib.cascade.selection import Selection, gumbel_top_k
from PatchICLLib.cascade.trace import CascadeOutput, LevelTrace
from PatchICLLib.runtime.device_constants import made_once

_FAINT = 0.05  # of the minimum entropy: what is thin is next to nothing in the pixels of a fine input's coarse levels
_CELL = 4  # pixels a side of the encoder's coarsest feature: the grain of the mask read-out


@dataclass(frozen=True)
class _Seen:
    """What a level sees of N targets.

    Attributes:
        target: (N, 1, S, S).
        before: (N, 1, S, S) logits so far.
        guidance: (N, hint_channels.CHANNELS, S, S).
        places: (N, 3) what is added to rows and columns, and the place along the third axis.
        conditions: of the level's resolution for the encoder.
        resolution: (d,) added to all tokens.
        gains: (N, 1, 2) of the early and the late read-out.
    """

    target: Tensor
    before: Tensor
    guidance: Tensor
    places: Tensor
    conditions: tuple[Tensor, ...]
    resolution: Tensor
    gains: Tensor


class SparseCascade(nn.Module):
    """In-context segmentation of 2D images, coarse to fine.

    ``encode_context`` once, then call with as many targets as needed.

    Attributes:
        finest_told: pixels a side of the finest level that the network is told of; finer ones are told to be it, as
            what training never showed says nothing, and inputs with finer levels hardly end before these. None: all
            are told.
    """

    finest_told: int | None = None

    def __init__(self, configuration: SparseConfiguration | None = None) -> None:
        super().__init__()
        c = self.configuration = configuration or SparseConfiguration()
        c.check()
        self.cells = c.patch_size // _CELL
        self.merge = self.cells // c.tokens_per_side
        d, quarter = c.features, c.channels[2]
        block = _CELL * _CELL
        guidance = hint_channels.CHANNELS + 1  # the hints and the previous prediction
        self.resolution = ResolutionEncoding(c.resolution_features)
        self.encoder = PatchEncoder(c.channels, c.halo, c.resolution_features)
        self.embed = nn.Conv2d(quarter, d, self.merge, self.merge)
        self.embed_resolution = nn.Linear(c.resolution_features, d)
        self.embed_context_mask = nn.Linear(block * self.merge**2, d)
        self.embed_guidance = nn.Linear(block * self.merge**2 * guidance, d)
        self.embed_readout = nn.Linear(block * self.merge**2, d)
        self.rotary = RotaryEmbedding(d // c.heads)
        self.layers = nn.ModuleList([AttentionLayer(d, c.heads) for _ in range(c.layers)])
        self.norm = nn.LayerNorm(d)
        self.early_readout = MaskReadout(quarter, c.key_features)
        self.late_readout = MaskReadout(quarter + d, c.key_features)
        self.decoder = PatchDecoder(d, c.channels, guidance + 2)
        self.prior_gains = nn.Parameter(torch.tensor([0.2, 6.0]))  # shape logits, vote
        self.readout_gains = nn.Linear(c.resolution_features + 3, 2)
        nn.init.zeros_(self.readout_gains.weight)
        with torch.no_grad():
            self.readout_gains.bias.copy_(torch.tensor([1.0, 0.3]))
        # as the patches are, which else each convolution would turn
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    # ---- context -------------------------------------------------------------------------------------------------

    def encode_context(
        self,
        images: Tensor,
        masks: Tensor,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        given: Tensor | None = None,
        subject: Tensor | bool | None = None,
    ) -> ContextCache[ContextLevel]:
        """Encode context images and masks for all levels (paper, sections 3.2 to 3.4).

        Args:
            images: (B, k, H, H), standardised intensities; H is ``coarsest * 2^n``.
            masks: (B, k, H, H), 0 to 1.
            positions: (B, k) place along the third axis in units of the field of view; or (B, k, 3) how far each image
                is moved along rows and columns, too; None for images that lie as they are, at the same place.
            generator: noise of the patch selection in training.
            given: (B, k) bool; an image that is not given only fills up its set and has no influence, whatever its
                pixels are. At least one of each set must be given. None if all are.
            subject: (B, k) whose scan an image is of: 0 for the target's own, another number for each other subject, or
                bool. Images of different subjects do not see each other, as if each subject were encoded apart. True
                if all of a set are of one other subject; None if all are of the target's scan.

        Raises:
            ValueError: for shapes that differ or a size that is no level.
        """
        if images.shape != masks.shape or images.ndim != 4 or images.shape[-1] != images.shape[-2]:
            raise ValueError(
                f"context images and masks must be (B, k, H, H), not {tuple(images.shape)}, {tuple(masks.shape)}"
            )
        b, k, size, _ = images.shape
        places = in_space(positions, images, b * k)
        if given is not None:
            there = given[:, :, None, None]
            images, masks = images.where(there, 0), masks.where(there, 0)
            places = places.where(given.reshape(-1, 1), 0)
        c = self.configuration
        grids = [PatchGrid(resolution, c.patch_size, c.patch_stride) for resolution in c.resolutions(size)]
        chosen, crops, cropped, positioned, centred = [], [], [], [], []
        for number, grid in enumerate(grids):
            seen, drawn = (pool(x, grid.size).reshape(b * k, 1, grid.size, grid.size) for x in (images, masks))
            weights = context_patch_weights(drawn, c.patch_size, c.patch_stride)
            budget = c.budget(c.context_patches, number)
            indices = gumbel_top_k(weights, budget, self._temperature, generator).indices
            chosen.append(indices)
            crops.append(crop_patches(seen, indices, grid, c.halo).unflatten(0, (b, -1)))
            cropped.append(crop_patches(drawn, indices, grid).unflatten(0, (b, -1)))
            positioned.append(token_positions(indices, grid, c.tokens_per_side, places).reshape(b, -1, 3))
            centred.append(token_positions(indices, grid, self.cells, places).reshape(b, -1, 3))
        # all levels at once from here on: what they see is alike, and each keeps to itself
        patches = [k * indices.shape[1] for indices in chosen]
        numbers = _numbers(images.device, tuple(patches), b)
        code = self._codes(tuple(grid.size for grid in grids))
        conditions = [x[numbers.flatten()] for x in self.encoder.conditions(code)]
        features = self.encoder(torch.cat(crops, 1).flatten(0, 1), conditions)[2]
        painted = torch.cat(cropped, 1).flatten(0, 1) * 2 - 1
        tokens = self._flatten(self.embed(features), b) + self.embed_context_mask(self._unfold(painted, self.merge, b))
        tokens = tokens + self.embed_resolution(code)[numbers[0].repeat_interleave(c.tokens_per_side**2)]
        rotation = self.rotary(torch.cat(positioned, 1))
        groups = [count * c.tokens_per_side**2 for count in patches]
        shown = [None if given is None else given.repeat_interleave(count // k, 1) for count in groups]
        several, others = subject if isinstance(subject, Tensor) else None, None
        if several is not None:
            others = (several != 0).to(tokens.dtype)
        elif subject:
            others = tokens.new_ones(b, k)
        whose = [None if several is None else several.repeat_interleave(count // k, 1) for count in groups]
        hidden = [_hidden_keys(*both) for both in zip(shown, whose, strict=True)]
        of_tokens = _spread(others, groups, k)
        keys_values = []
        for layer in cast(Iterable[AttentionLayer], self.layers):
            tokens, own = layer.of_context(tokens, rotation, groups, hidden, of_tokens)
            keys_values.append(own)
        everywhere = torch.cat(centred, 1)
        cells = [count * self.cells**2 for count in patches]
        of_cells = _spread(given, cells, k), _spread(others, cells, k)
        early = self.early_readout.keys(self._flatten(features, b), everywhere, *of_cells)
        seen_late = torch.cat([features, self._grow(self.norm(tokens))], 1)
        late = self.late_readout.keys(self._flatten(seen_late, b), everywhere, *of_cells)
        levels = zip(
            (indices.reshape(b, k, -1) for indices in chosen),
            zip(*keys_values, strict=True),
            early.split(cells, 1),
            late.split(cells, 1),
            self._unfold(painted, 1, b).split(cells, 1),
            shown,
            strict=True,
        )
        return ContextCache(size, b, tuple(ContextLevel(*level) for level in levels))

    # ---- target --------------------------------------------------------------------------------------------------

    def forward(
        self,
        target: Tensor,
        context: ContextCache[ContextLevel],
        hints: Hints | None = None,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        sets: Tensor | None = None,
    ) -> CascadeOutput:
        """Segment targets.

        Args:
            target: (N, 1, H, H).
            context: from ``encode_context`` with images of the same size.
            hints: what painted slices say about the targets; None for pure in-context use.
            positions: (N,) or (N, 3), as those of the context.
            generator: noise of the patch selection in training.
            sets: (N,) long, the set of the context that each target belongs to; None if each of the B sets has N / B
                targets, set by set.

        Raises:
            ValueError: for a target that does not fit the context.
        """
        n, _, size, _ = target.shape
        if size != context.size or (n % context.sets if sets is None else sets.shape != (n,)):
            raise ValueError(
                f"{n} targets of {size} pixels do not fit a context of {context.sets} sets of {context.size} pixels"
            )
        hints = (Hints.none(target) if hints is None else hints).masked()
        places = in_space(positions, target, n)
        gains = self.prior_gains
        start = torch.addcmul(gains[0] * hints.shape[:, :1], gains[1], hints.vote[:, :1])
        resolutions = self.configuration.resolutions(size)
        starts, targets, guidances = (_pyramid(x, resolutions) for x in (start, target, hints.channels()))
        of_levels = self._of_resolutions(resolutions, hints.flags())
        before = starts[0]
        is_fine = self.finest_told is not None and size > self.finest_told
        minimum = self.configuration.minimum_entropy * (_FAINT if is_fine else 1)
        levels: list[LevelTrace] = []
        for number, resolution in enumerate(resolutions):
            # the prior enters at every resolution, corrections are carried up (eq. 4)
            if number:
                before = starts[number] + resized(levels[-1].after - starts[number - 1], resolution)
            seen = _Seen(targets[number], before, guidances[number], places, *of_levels[number])
            level = self._segment_level(seen, context.levels[number], sets, number, minimum, generator)
            if level is None:
                break
            levels.append(level)
        return CascadeOutput(self._finish(starts, levels), tuple(levels))

    def _of_resolutions(
        self, resolutions: tuple[int, ...], flags: Tensor
    ) -> list[tuple[tuple[Tensor, ...], Tensor, Tensor]]:
        """Of each level, what its resolution does to features, tokens and gains: see ``_Seen``."""
        code = self._codes(resolutions)
        n, levels = len(flags), len(resolutions)
        known = torch.cat([code[:, None].expand(-1, n, -1), flags.expand(levels, -1, -1)], 2)
        of_all = (*self.encoder.conditions(code), self.embed_resolution(code))
        gains = self.readout_gains(known).view(levels, n, 1, 2)
        return [(tuple(x[i : i + 1] for x in of_all[:-1]), of_all[-1][i], gains[i]) for i in range(levels)]

    def _codes(self, resolutions: tuple[int, ...]) -> Tensor:
        """What the network is told of each level's resolution: (levels, f)."""
        return self.resolution(tuple(min(size, self.finest_told or size) for size in resolutions))

    @staticmethod
    def _finish(starts: list[Tensor], levels: list[LevelTrace]) -> Tensor:
        """Logits at input size, of a cascade that stopped early too; a sample's result does not depend on its batch."""
        if len(levels) == len(starts):
            return levels[-1].after
        correction = levels[-1].after - starts[len(levels) - 1]  # the coarsest level never stops
        for start in starts[len(levels) :]:
            correction = resized(correction, start.shape[-1])
        return starts[-1] + correction

    @property
    def _temperature(self) -> float:
        return self.configuration.temperature if self.training else 0.0

    def _segment_level(
        self,
        seen: _Seen,
        context: ContextLevel,
        sets: Tensor | None,
        number: int,
        minimum: float,
        generator: torch.Generator | None,
    ) -> LevelTrace | None:
        c = self.configuration
        grid = PatchGrid(seen.target.shape[-1], c.patch_size, c.patch_stride)
        weights = patch_means(binary_entropy(seen.before.detach()), c.patch_size, c.patch_stride)
        selection = gumbel_top_k(
            weights,
            c.budget(c.target_patches, number),
            self._temperature,
            generator,
            # the coarsest level always looks at the whole field of view
            0.0 if self.training or number == 0 else minimum,
        )
        if not selection.count:
            return None
        residual = self._decode(seen, context if sets is None else context.select(sets), selection, grid)
        valid = None if selection.whole else selection.valid
        averaged, coverage = aggregate(residual, selection.indices, grid, valid)
        after = fuse(seen.before, averaged, coverage)
        return LevelTrace(grid.size, grid, weights, selection, coverage, seen.before, after, context.indices)

    def _decode(self, seen: _Seen, context: ContextLevel, selection: Selection, grid: PatchGrid) -> Tensor:
        """Residual logits (N*K, 1, P, P) of the selected patches."""
        c = self.configuration
        n, indices = len(seen.target), selection.indices
        skips = self.encoder(crop_patches(seen.target, indices, grid, c.halo), seen.conditions)
        previous = seen.before.detach().clamp(-8, 8) / 4
        hints = crop_patches(torch.cat([previous, seen.guidance], 1), indices, grid)
        cells = token_positions(indices, grid, self.cells, seen.places)
        early = self.early_readout.read(self._flatten(skips[2], n), cells, context.early_keys, context.blocks)
        early_image = self._fold(early)
        known = torch.cat([hints, early_image], 1)
        tokens = self._flatten(self.embed(skips[2]), n) + seen.resolution + self._embed_known(known, n)
        rotation = self.rotary(token_positions(indices, grid, c.tokens_per_side, seen.places))
        mask = self._key_mask(selection, context, c.tokens_per_side**2)
        for layer, keys_values in zip(self.layers, context.layers_for(n), strict=True):
            tokens = layer(tokens, rotation, keys_values, mask)
        grown = self._grow(self.norm(tokens))
        seen_late = self._flatten(torch.cat([skips[2], grown], 1), n)
        late_image = self._fold(self.late_readout.read(seen_late, cells, context.late_keys, context.blocks))
        residual = self.decoder(grown, skips, torch.cat([known, late_image], 1))
        gains = seen.gains.expand(-1, selection.count, -1).reshape(-1, 2, 1, 1)
        return torch.addcmul(torch.addcmul(residual, gains[:, :1], early_image), gains[:, 1:], late_image)

    def _embed_known(self, known: Tensor, n: int) -> Tensor:
        """Hints and early read-out (n*K, c, P, P) as (n, K*t*t, d)."""
        weights = torch.cat([self.embed_guidance.weight, self.embed_readout.weight], 1)
        return F.linear(self._unfold(known, self.merge, n), weights, self.embed_guidance.bias + self.embed_readout.bias)

    @staticmethod
    def _key_mask(selection: Selection, context: ContextLevel, tokens: int) -> Tensor | None:
        """Hides the tokens of patches and of context images that only pad the batch: (N, 1, 1, T + C), or None.

        A sample without any valid patch still has its context's keys; what it computes is not used.
        """
        if selection.whole and context.given is None:
            return None
        n, k = selection.valid.shape
        own = _hidden(selection.valid)[:, :, None].expand(n, k, tokens).reshape(n, -1)
        count = context.layers[0].shape[3]
        if context.given is None:
            return F.pad(own, (0, count))[:, None, None]
        others = _hidden(context.given)[:, None].expand(-1, n // len(context.given), -1).reshape(n, -1)
        return torch.cat([own, others], 1)[:, None, None]

    # ---- between patches and tokens ------------------------------------------------------------------------------

    @staticmethod
    def _flatten(features: Tensor, n: int) -> Tensor:
        """(n*K, c, s, s) -> (n, K*s*s, c)."""
        return features.permute(0, 2, 3, 1).reshape(n, -1, features.shape[1])

    @staticmethod
    def _unfold(image: Tensor, merge: int, n: int) -> Tensor:
        """Pixels of each token: (n*K, c, P, P) -> (n, K*t*t, c * (4 merge)^2)."""
        side = _CELL * merge
        tokens = image.unflatten(3, (-1, side)).unflatten(2, (-1, side)).permute(0, 2, 4, 1, 3, 5)
        return tokens.reshape(n, -1, image.shape[1] * side * side)

    def _fold(self, blocks: Tensor) -> Tensor:
        """Inverse of ``_unfold`` for one channel and cells: (n, K*cells^2, 16) -> (n*K, 1, P, P)."""
        cells = blocks.reshape(-1, self.cells, self.cells, _CELL, _CELL).transpose(2, 3)
        side = self.cells * _CELL
        return cells.reshape(-1, side, side, 1).permute(0, 3, 1, 2)

    def _grow(self, tokens: Tensor) -> Tensor:
        """Tokens to the grain of cells: (n, K*t*t, d) -> (n*K, d, cells, cells)."""
        t, m, d = self.configuration.tokens_per_side, self.merge, tokens.shape[-1]
        grown = tokens.reshape(-1, t, 1, t, 1, d).expand(-1, t, m, t, m, d)
        return grown.reshape(-1, self.cells, self.cells, d).permute(0, 3, 1, 2)


def _hidden(given: Tensor) -> Tensor:
    """What is added to attention's scores of keys: 0 if given, else minus infinity."""
    return given.to(torch.float32).log()


def _hidden_keys(given: Tensor | None, subject: Tensor | None) -> Tensor | None:
    """The same of a context's T own tokens: (B, 1, 1, T), or (B, 1, T, T) if they are of several subjects, (B, T)."""
    if subject is None:
        return None if given is None else _hidden(given)[:, None, None]
    alike = subject[:, :, None] == subject[:, None]
    if given is not None:  # what only fills up a set sees all, lest it see nothing
        alike = given[:, None] & (alike | ~given[:, :, None])
    return _hidden(alike)[:, None]


def _spread(of_images: Tensor | None, counts: Sequence[int], images: int) -> Tensor | None:
    """(B, k) of images for each of their parts, of which each level has so many in all: (B, sum of counts)."""
    if of_images is None:
        return None
    return torch.cat([of_images.repeat_interleave(count // images, 1) for count in counts], 1)


@made_once
def _numbers(device: torch.device, counts: tuple[int, ...], sets: int) -> Tensor:
    """(sets, sum of counts): number of the level that each patch is of, where levels have so many patches a set."""
    return torch.cat([torch.full((sets, count), i, device=device) for i, count in enumerate(counts)], 1)


def _pyramid(x: Tensor, resolutions: tuple[int, ...]) -> list[Tensor]:
    """Averages of (N, C, S, S) at each resolution, of which the last is S."""
    levels = [x]
    for resolution in reversed(resolutions[:-1]):
        levels.insert(0, pool(levels[0], resolution))
    return levels
