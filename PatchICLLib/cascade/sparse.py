"""The `sparse` cascade: the paper's equations over patches that are encoded only when they are chosen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade import hint_channels
from PatchICLLib.cascade.aggregation import aggregate
from PatchICLLib.cascade.attention import AttentionLayer, KeysValues
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.context_weights import context_patch_weights
from PatchICLLib.cascade.decoder import PatchDecoder
from PatchICLLib.cascade.encoder import PatchEncoder
from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.fusion import fuse, upsample
from PatchICLLib.cascade.hint_channels import Hints, pool
from PatchICLLib.cascade.patches import PatchGrid, crop_patches
from PatchICLLib.cascade.positions import RotaryEmbedding, token_positions
from PatchICLLib.cascade.readout import MaskReadout
from PatchICLLib.cascade.resolution import ResolutionEncoding
from PatchICLLib.cascade.selection import Selection, gumbel_top_k
from PatchICLLib.cascade.trace import CascadeOutput, LevelTrace

_CELL = 4  # pixels a side of the encoder's coarsest feature: the grain of the mask read-out


@dataclass(frozen=True)
class ContextLevel:
    """Everything about the context that a level needs; B sets of k images.

    Attributes:
        indices: (B, k, Kc) patches encoded of each image.
        layers: keys and values of the context's tokens for each attention layer.
        early_keys, late_keys: (B, C, f) keys of the two mask read-outs.
        blocks: (B, C, 16) mask pixels of each cell, -1 to 1.
    """

    indices: Tensor
    layers: tuple[KeysValues, ...]
    early_keys: Tensor
    late_keys: Tensor
    blocks: Tensor


@dataclass(frozen=True)
class ContextCache:
    """Encoded context for inputs of ``size`` pixels a side; ``sets`` is B."""

    size: int
    sets: int
    levels: tuple[ContextLevel, ...]


class SparseCascade(nn.Module):
    """In-context segmentation of 2D images, coarse to fine.

    ``encode_context`` once, then call with as many targets as needed.
    """

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

    # ---- context -------------------------------------------------------------------------------------------------

    def encode_context(
        self,
        images: Tensor,
        masks: Tensor,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> ContextCache:
        """Encode context images and masks for all levels (paper, sections 3.2 to 3.4).

        Args:
            images: (B, k, H, H), standardised intensities; H is ``coarsest * 2^n``.
            masks: (B, k, H, H), 0 to 1.
            positions: (B, k) place along the third axis in units of the field of view; None for unrelated images.
            generator: noise of the patch selection in training.

        Raises:
            ValueError: for shapes that differ or a size that is no level.
        """
        if images.shape != masks.shape or images.ndim != 4 or images.shape[-1] != images.shape[-2]:
            raise ValueError(
                f"context images and masks must be (B, k, H, H), not {tuple(images.shape)}, {tuple(masks.shape)}"
            )
        b, k, size, _ = images.shape
        places = images.new_zeros(b, k) if positions is None else positions.to(images)
        levels = []
        for number, resolution in enumerate(self.configuration.resolutions(size)):
            shape = (b * k, 1, resolution, resolution)
            level = self._encode_context_level(
                pool(images, resolution).reshape(shape),
                pool(masks, resolution).reshape(shape),
                places,
                number,
                generator,
            )
            levels.append(level)
        return ContextCache(size, b, tuple(levels))

    def _encode_context_level(
        self, images: Tensor, masks: Tensor, places: Tensor, number: int, generator: torch.Generator | None
    ) -> ContextLevel:
        c = self.configuration
        b, k = places.shape
        grid = PatchGrid(images.shape[-1], c.patch_size, c.patch_stride)
        weights = context_patch_weights(masks, c.patch_size, c.patch_stride)
        temperature = c.temperature if self.training else 0.0
        indices = gumbel_top_k(weights, c.budget(c.context_patches, number), temperature, generator).indices
        code = self.resolution(grid.size)
        features = self.encoder(crop_patches(images, indices, grid, c.halo), code)[2]
        cropped = crop_patches(masks * 2 - 1, indices, grid)
        flat = places.reshape(-1)
        rotation = self.rotary(token_positions(indices, grid, c.tokens_per_side, flat).reshape(b, -1, 3))
        cells = token_positions(indices, grid, self.cells, flat).reshape(b, -1, 3)
        tokens = self._tokens(features, code, b) + self.embed_context_mask(self._unfold(cropped, self.merge, b))
        keys_values = []
        for layer in self.layers:
            tokens, own = layer(tokens, rotation)
            keys_values.append(own)
        late = self._cell_features(features, self.norm(tokens), b)
        return ContextLevel(
            indices.reshape(b, k, -1),
            tuple(keys_values),
            self.early_readout.keys(self._flatten(features, b), cells),
            self.late_readout.keys(late, cells),
            self._unfold(cropped, 1, b),
        )

    # ---- target --------------------------------------------------------------------------------------------------

    def forward(
        self,
        target: Tensor,
        context: ContextCache,
        hints: Hints | None = None,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> CascadeOutput:
        """Segment targets.

        Args:
            target: (B*T, 1, H, H): T targets for each of the context's B sets, set by set.
            context: from ``encode_context`` with images of the same size.
            hints: what painted slices say about the targets; None for pure in-context use.
            positions: (B*T,) place along the third axis in units of the field of view.
            generator: noise of the patch selection in training.

        Raises:
            ValueError: for a target that does not fit the context.
        """
        n, _, size, _ = target.shape
        if size != context.size or n % context.sets:
            raise ValueError(
                f"{n} targets of {size} pixels do not fit a context of {context.sets} sets of {context.size} pixels"
            )
        c = self.configuration
        hints = (Hints.none(target) if hints is None else hints).masked()
        places = target.new_zeros(n) if positions is None else positions.to(target)
        start = self.prior_gains[0] * hints.shape[:, :1] + self.prior_gains[1] * hints.vote[:, :1]
        guidance, flags = hints.channels(), hints.flags()
        logits = pool(start, c.coarsest)
        levels: list[LevelTrace] = []
        for number, resolution in enumerate(c.resolutions(size)):
            # the prior enters at every resolution, corrections are carried up (eq. 4)
            if number:
                coarse = levels[-1].resolution
                correction = levels[-1].after - pool(start, coarse)
                logits = pool(start, resolution) + upsample(correction, resolution)
            level = self._segment_level(
                pool(target, resolution),
                logits,
                pool(guidance, resolution),
                flags,
                places,
                context.levels[number],
                number,
                generator,
            )
            if level is None:
                break
            levels.append(level)
        if levels and levels[-1].resolution == size:
            return CascadeOutput(levels[-1].after, tuple(levels))
        return CascadeOutput(self._finish(start, levels, size), tuple(levels))

    def _finish(self, start: Tensor, levels: list[LevelTrace], size: int) -> Tensor:
        """Logits at input size of a cascade that stopped early; a sample's result does not depend on its batch."""
        if not levels:
            return start
        reached = levels[-1].resolution
        correction = levels[-1].after - pool(start, reached)
        for resolution in self.configuration.resolutions(size):
            if resolution > reached:
                correction = upsample(correction, resolution)
        return start + correction

    def _segment_level(
        self,
        target: Tensor,
        before: Tensor,
        guidance: Tensor,
        flags: Tensor,
        places: Tensor,
        context: ContextLevel,
        number: int,
        generator: torch.Generator | None,
    ) -> LevelTrace | None:
        c = self.configuration
        grid = PatchGrid(target.shape[-1], c.patch_size, c.patch_stride)
        weights = patch_means(binary_entropy(before.detach()), c.patch_size, c.patch_stride)
        selection = gumbel_top_k(
            weights,
            c.budget(c.target_patches, number),
            c.temperature if self.training else 0.0,
            generator,
            # the coarsest level always looks at the whole field of view
            0.0 if self.training or number == 0 else c.minimum_entropy,
        )
        if not selection.count:
            return None
        code = self.resolution(grid.size)
        residual = self._decode(target, before, guidance, flags, places, context, selection, grid, code)
        averaged, coverage = aggregate(residual, selection.indices, grid, selection.valid)
        after = fuse(before, averaged, coverage)
        return LevelTrace(grid.size, grid, weights, selection, coverage, before, after, context.indices)

    def _decode(
        self,
        target: Tensor,
        before: Tensor,
        guidance: Tensor,
        flags: Tensor,
        places: Tensor,
        context: ContextLevel,
        selection: Selection,
        grid: PatchGrid,
        code: Tensor,
    ) -> Tensor:
        """Residual logits (N*K, 1, P, P) of the selected patches."""
        c = self.configuration
        n, indices = len(target), selection.indices
        repeat = n // len(context.blocks)

        def shared(x: Tensor) -> Tensor:
            return x if repeat == 1 else x.repeat_interleave(repeat, 0)

        skips = self.encoder(crop_patches(target, indices, grid, c.halo), code)
        previous = before.detach().clamp(-8, 8) / 4
        hints = crop_patches(torch.cat([previous, guidance], 1), indices, grid)
        cells = token_positions(indices, grid, self.cells, places)
        blocks = shared(context.blocks)
        early = self.early_readout.read(self._flatten(skips[2], n), cells, shared(context.early_keys), blocks)
        early_image = self._fold(early, n)
        tokens = self._tokens(skips[2], code, n)
        tokens = tokens + self.embed_guidance(self._unfold(hints, self.merge, n))
        tokens = tokens + self.embed_readout(self._unfold(early_image, self.merge, n))
        rotation = self.rotary(token_positions(indices, grid, c.tokens_per_side, places))
        mask = self._key_mask(selection, context, c.tokens_per_side**2)
        for layer, (keys, values) in zip(self.layers, context.layers, strict=True):
            tokens, _ = layer(tokens, rotation, (shared(keys), shared(values)), mask)
        tokens = self.norm(tokens)
        late_features = self._cell_features(skips[2], tokens, n)
        late = self.late_readout.read(late_features, cells, shared(context.late_keys), blocks)
        late_image = self._fold(late, n)
        grown = self._grow(tokens, n)
        residual = self.decoder(grown, skips, torch.cat([hints, early_image, late_image], 1))
        gains = self.readout_gains(torch.cat([code.expand(n, -1), flags], 1)).repeat_interleave(selection.count, 0)
        gains = gains[:, :, None, None]
        return residual + gains[:, :1] * early_image + gains[:, 1:] * late_image

    @staticmethod
    def _key_mask(selection: Selection, context: ContextLevel, tokens: int) -> Tensor | None:
        """Hide the tokens of patches that only pad the batch: (N, 1, 1, T + C) bool, or None."""
        if bool(selection.valid.all()):
            return None
        own = selection.valid.repeat_interleave(tokens, 1)
        others = own.new_ones(len(own), context.layers[0][0].shape[2])
        # a sample without any valid patch still needs a key; what it computes is not used
        return torch.cat([own, others], 1)[:, None, None]

    # ---- between patches and tokens ------------------------------------------------------------------------------

    def _tokens(self, features: Tensor, code: Tensor, n: int) -> Tensor:
        """(n*K, c2, cells, cells) -> (n, K*t*t, d)."""
        return self._flatten(self.embed(features), n) + self.embed_resolution(code)

    @staticmethod
    def _flatten(features: Tensor, n: int) -> Tensor:
        """(n*K, c, s, s) -> (n, K*s*s, c)."""
        return features.flatten(2).transpose(1, 2).reshape(n, -1, features.shape[1])

    @staticmethod
    def _unfold(image: Tensor, merge: int, n: int) -> Tensor:
        """Pixels of each token: (n*K, c, P, P) -> (n, K*t*t, c * (4 merge)^2)."""
        blocks = F.pixel_unshuffle(image, _CELL * merge)
        return blocks.flatten(2).transpose(1, 2).reshape(n, -1, blocks.shape[1])

    def _fold(self, blocks: Tensor, n: int) -> Tensor:
        """Inverse of ``_unfold`` for one channel and cells: (n, K*cells^2, 16) -> (n*K, 1, P, P)."""
        patches = blocks.reshape(-1, self.cells, self.cells, _CELL * _CELL).permute(0, 3, 1, 2)
        return F.pixel_shuffle(patches, _CELL)

    def _grow(self, tokens: Tensor, n: int) -> Tensor:
        """Tokens to the grain of cells: (n, K*t*t, d) -> (n*K, d, cells, cells)."""
        t = self.configuration.tokens_per_side
        image = tokens.reshape(-1, t, t, tokens.shape[-1]).permute(0, 3, 1, 2)
        return F.interpolate(image, scale_factor=self.merge, mode="nearest") if self.merge > 1 else image

    def _cell_features(self, features: Tensor, tokens: Tensor, n: int) -> Tensor:
        """Encoder features beside attended tokens, for each cell: (n, K*cells^2, c2 + d)."""
        return self._flatten(torch.cat([features, self._grow(tokens, n)], 1), n)
