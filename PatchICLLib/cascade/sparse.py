"""The `sparse` cascade: the paper's equations over patches that are encoded only when they are chosen."""

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade import hint_channels
from PatchICLLib.cascade.aggregation import aggregate
from PatchICLLib.cascade.attention import AttentionLayer
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.context_cache import ContextCache, ContextLevel
from PatchICLLib.cascade.context_patches import ContextPatches
from PatchICLLib.cascade.context_weights import context_patch_weights
from PatchICLLib.cascade.decoder import PatchDecoder
from PatchICLLib.cascade.encoder import PatchEncoder
from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.fusion import completed, fuse
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.patches import PatchGrid, crop_patches
from PatchICLLib.cascade.positions import RotaryEmbedding, in_space, token_positions
from PatchICLLib.cascade.readout import MaskReadout
from PatchICLLib.cascade.resizing import pool, pyramid, resized
from PatchICLLib.cascade.resolution import ResolutionEncoding
from PatchICLLib.cascade.selection import Selection, gumbel_top_k
from PatchICLLib.cascade.target_level import TargetLevel
from PatchICLLib.cascade.tokens import CELL, flatten, fold, grown, unfold
from PatchICLLib.cascade.trace import CascadeOutput, LevelTrace
from PatchICLLib.cascade.visibility import hidden_keys, hidden_padding, spread, together

_FAINT = 0.05  # of the minimum entropy: what is thin is next to nothing in the pixels of a fine input's coarse levels


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
        self.cells = c.patch_size // CELL
        self.merge = self.cells // c.tokens_per_side
        d, quarter = c.features, c.channels[2]
        block = CELL * CELL
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
        resolutions = c.resolutions(size)
        seen, drawn = ([pool(x, side).reshape(b * k, 1, side, side) for side in resolutions] for x in (images, masks))
        chosen = [self._context_indices(own, number, generator) for number, own in enumerate(drawn)]
        # all levels at once from here on: what they see is alike, and each keeps to itself
        patches = ContextPatches([PatchGrid(side, c.patch_size, c.patch_stride) for side in resolutions], chosen, b)
        counts, numbers = patches.counts(), patches.levels()
        code = self._codes(resolutions)
        conditions = [x[numbers.flatten()] for x in self.encoder.conditions(code)]
        features = self.encoder(patches.crops(seen, c.halo), conditions)[2]
        painted = patches.crops(drawn) * 2 - 1
        tokens = flatten(self.embed(features), b) + self.embed_context_mask(unfold(painted, self.merge, b))
        tokens = tokens + self.embed_resolution(code)[numbers[0].repeat_interleave(c.tokens_per_side**2)]
        rotation = self.rotary(patches.positions(c.tokens_per_side, places))
        groups = [count * c.tokens_per_side**2 for count in counts]
        several, others = subject if isinstance(subject, Tensor) else None, None
        if several is not None:
            others = (several != 0).to(tokens.dtype)
        elif subject:
            others = tokens.new_ones(b, k)
        shown, whose = spread(given, groups), spread(several, groups)
        hidden = [hidden_keys(*both) for both in zip(shown, whose, strict=True)]
        of_tokens = together(spread(others, groups))
        keys_values = []
        for layer in cast(Iterable[AttentionLayer], self.layers):
            tokens, own = layer.of_context(tokens, rotation, groups, hidden, of_tokens)
            keys_values.append(own)
        everywhere = patches.positions(self.cells, places)
        cells = [count * self.cells**2 for count in counts]
        of_cells = together(spread(given, cells)), together(spread(others, cells))
        early = self.early_readout.keys(flatten(features, b), everywhere, *of_cells)
        seen_late = torch.cat([features, grown(self.norm(tokens), self.cells, self.merge)], 1)
        late = self.late_readout.keys(flatten(seen_late, b), everywhere, *of_cells)
        levels = zip(
            (indices.reshape(b, k, -1) for indices in chosen),
            zip(*keys_values, strict=True),
            early.split(cells, 1),
            late.split(cells, 1),
            unfold(painted, 1, b).split(cells, 1),
            shown,
            strict=True,
        )
        return ContextCache(size, b, tuple(ContextLevel(*level) for level in levels))

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
        starts, targets, guidances = (pyramid(x, resolutions) for x in (start, target, hints.channels()))
        of_levels = self._of_resolutions(resolutions, hints.flags())
        before = starts[0]
        is_fine = self.finest_told is not None and size > self.finest_told
        minimum = self.configuration.minimum_entropy * (_FAINT if is_fine else 1)
        levels: list[LevelTrace] = []
        for number, resolution in enumerate(resolutions):
            # the prior enters at every resolution, corrections are carried up (eq. 4)
            if number:
                before = starts[number] + resized(levels[-1].after - starts[number - 1], resolution)
            seen = TargetLevel(targets[number], before, guidances[number], places, *of_levels[number])
            level = self._segment_level(seen, context.levels[number], sets, number, minimum, generator)
            if level is None:
                break
            levels.append(level)
        return CascadeOutput(completed(starts, [level.after for level in levels]), tuple(levels))

    def _of_resolutions(
        self, resolutions: tuple[int, ...], flags: Tensor
    ) -> list[tuple[tuple[Tensor, ...], Tensor, Tensor]]:
        """Of each level, what its resolution does to features, tokens and gains: see ``TargetLevel``."""
        code = self._codes(resolutions)
        n, levels = len(flags), len(resolutions)
        known = torch.cat([code[:, None].expand(-1, n, -1), flags.expand(levels, -1, -1)], 2)
        of_all = (*self.encoder.conditions(code), self.embed_resolution(code))
        gains = self.readout_gains(known).view(levels, n, 1, 2)
        return [(tuple(x[i : i + 1] for x in of_all[:-1]), of_all[-1][i], gains[i]) for i in range(levels)]

    def _codes(self, resolutions: tuple[int, ...]) -> Tensor:
        """What the network is told of each level's resolution: (levels, f)."""
        return self.resolution(tuple(min(size, self.finest_told or size) for size in resolutions))

    def _context_indices(self, masks: Tensor, number: int, generator: torch.Generator | None) -> Tensor:
        """(N, Kc) patches of context images, of masks (N, 1, S, S) at a level."""
        c = self.configuration
        weights = context_patch_weights(masks, c.patch_size, c.patch_stride)
        return gumbel_top_k(weights, c.budget(c.context_patches, number), self._temperature, generator).indices

    @property
    def _temperature(self) -> float:
        return self.configuration.temperature if self.training else 0.0

    def _segment_level(
        self,
        seen: TargetLevel,
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

    def _decode(self, seen: TargetLevel, context: ContextLevel, selection: Selection, grid: PatchGrid) -> Tensor:
        """Residual logits (N*K, 1, P, P) of the selected patches."""
        c = self.configuration
        n, indices = len(seen.target), selection.indices
        skips = self.encoder(crop_patches(seen.target, indices, grid, c.halo), seen.conditions)
        previous = seen.before.detach().clamp(-8, 8) / 4
        hints = crop_patches(torch.cat([previous, seen.guidance], 1), indices, grid)
        cells = token_positions(indices, grid, self.cells, seen.places)
        early = self.early_readout.read(flatten(skips[2], n), cells, context.early_keys, context.blocks)
        early_image = fold(early, self.cells)
        known = torch.cat([hints, early_image], 1)
        tokens = flatten(self.embed(skips[2]), n) + seen.resolution + self._embed_known(known, n)
        rotation = self.rotary(token_positions(indices, grid, c.tokens_per_side, seen.places))
        mask = hidden_padding(selection, context, c.tokens_per_side**2)
        for layer, keys_values in zip(self.layers, context.layers_for(n), strict=True):
            tokens = layer(tokens, rotation, keys_values, mask)
        fine = grown(self.norm(tokens), self.cells, self.merge)
        seen_late = flatten(torch.cat([skips[2], fine], 1), n)
        late_image = fold(self.late_readout.read(seen_late, cells, context.late_keys, context.blocks), self.cells)
        residual = self.decoder(fine, skips, torch.cat([known, late_image], 1))
        gains = seen.gains.expand(-1, selection.count, -1).reshape(-1, 2, 1, 1)
        return torch.addcmul(torch.addcmul(residual, gains[:, :1], early_image), gains[:, 1:], late_image)

    def _embed_known(self, known: Tensor, n: int) -> Tensor:
        """Hints and early read-out (n*K, c, P, P) as (n, K*t*t, d)."""
        weights = torch.cat([self.embed_guidance.weight, self.embed_readout.weight], 1)
        return F.linear(unfold(known, self.merge, n), weights, self.embed_guidance.bias + self.embed_readout.bias)
