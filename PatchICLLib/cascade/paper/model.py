"""The published cascade, composed (paper, section 3): dense frozen features, chosen patches, joint attention."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.aggregation import aggregate
from PatchICLLib.cascade.context_cache import ContextCache, checked_context
from PatchICLLib.cascade.context_weights import context_patch_weights
from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.fusion import fuse
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.paper.attention import CONTEXT, TARGET, PaperAttentionLayer, context_blind
from PatchICLLib.cascade.paper.configuration import PaperConfiguration
from PatchICLLib.cascade.paper.context import PaperContextLevel
from PatchICLLib.cascade.paper.features import FeatureMaps, FrozenFeatures, crop_features
from PatchICLLib.cascade.paper.patch_decoder import PaperPatchDecoder
from PatchICLLib.cascade.paper.patch_encoder import MaskEmbedding, PaperPatchEncoder
from PatchICLLib.cascade.patches import PatchGrid, crop_patches
from PatchICLLib.cascade.positions import RotaryEmbedding, Rotation, token_positions
from PatchICLLib.cascade.resizing import pool, resized
from PatchICLLib.cascade.resolution import ResolutionEncoding
from PatchICLLib.cascade.selection import gumbel_top_k
from PatchICLLib.cascade.trace import CascadeOutput, LevelTrace
from PatchICLLib.errors import InputError


class PaperCascade(nn.Module):
    """In-context segmentation of 2D images as published; same calls as the `sparse` cascade.

    In training mode patches are drawn with Gumbel noise and dropout is on, in evaluation mode the best patches are
    taken. The encoder is frozen in both.
    """

    def __init__(self, configuration: PaperConfiguration | None = None) -> None:
        super().__init__()
        c = self.configuration = configuration or PaperConfiguration()
        self.features = FrozenFeatures(c.encoder)
        self.resolution = ResolutionEncoding(c.resolution_features)
        self.embed_resolution = nn.Linear(c.resolution_features, c.features)
        self.encoder = PaperPatchEncoder(self.features.channels, c.features, c.resolution_features)
        self.embed_mask = MaskEmbedding(c.features)
        self.registers = nn.Parameter(torch.randn(1, c.registers, c.features) * 0.02)
        self.rotary = RotaryEmbedding(c.features // c.heads)
        self.context_layers = self._layers(c.context_layers)
        self.joint_layers = self._layers(c.joint_layers)
        self.norm = nn.LayerNorm(c.features)
        self.decoder = PaperPatchDecoder(c.features, c.resolution_features, c.skip_connections)

    def _layers(self, count: int) -> nn.ModuleList:
        c = self.configuration
        return nn.ModuleList(PaperAttentionLayer(c.features, c.heads, c.dropout) for _ in range(count))

    def encode_context(
        self,
        images: Tensor,
        masks: Tensor,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        given: Tensor | None = None,
        subject: Tensor | None = None,
    ) -> ContextCache[PaperContextLevel]:
        """Read context images up to the joint layers, which are the first to meet a target.

        Args:
            images: (B, k, H, H), any scale.
            masks, generator, given: as of the `sparse` cascade.
            positions, subject: not used: the published model knows no third axis and no subjects.

        Raises:
            InputError: for shapes that differ, images that are not square, or sizes that do not fit.
        """
        images, masks = checked_context(images, masks, given)
        b, k, size, _ = images.shape
        flat_masks = masks.reshape(b * k, 1, size, size).to(images)
        maps = self.features.of_context(images.reshape(b * k, 1, size, size), flat_masks)
        levels = tuple(
            self._encode_context_level(maps, pool(flat_masks, side), count, b, generator, given)
            for side, _, count in self.configuration.levels(size)
        )
        return ContextCache(size, b, levels)

    def _encode_context_level(
        self,
        maps: FeatureMaps,
        masks: Tensor,
        count: int,
        b: int,
        generator: torch.Generator | None,
        given: Tensor | None,
    ) -> PaperContextLevel:
        c = self.configuration
        grid = PatchGrid(masks.shape[-1], c.patch_size, c.patch_stride)
        weights = context_patch_weights(masks, c.patch_size, c.patch_stride)
        indices = gumbel_top_k(weights, count, self._temperature, generator).indices
        code = self.resolution((grid.size,))
        tokens, _ = self.encoder(crop_features(maps, indices, grid), code)
        tokens = self.embed_mask(tokens + self.embed_resolution(code), crop_patches(masks, indices, grid))
        positions = self._positions(indices, grid).reshape(b, -1, 3)
        together = torch.cat((self.registers.expand(b, -1, -1), tokens.reshape(b, -1, c.features)), dim=1)
        rotation = self._rotation(positions, c.registers)
        types = torch.full((together.shape[1],), CONTEXT, device=together.device)
        shown = None if given is None else given.repeat_interleave(indices.shape[1], 1)
        visible = None if shown is None else F.pad(shown, (c.registers, 0), value=True)[:, None, None]
        for layer in self.context_layers:
            together = layer(together, types, rotation, visible)
        own, registers = together[:, c.registers :], together[:, : c.registers]
        return PaperContextLevel(indices.reshape(b, -1, indices.shape[1]), own, registers, positions, shown)

    def forward(
        self,
        target: Tensor,
        context: ContextCache[PaperContextLevel],
        hints: Hints | None = None,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        sets: Tensor | None = None,
        recite: bool = False,
    ) -> CascadeOutput:
        """Segment targets.

        Args:
            target: (N, 1, H, H), any scale.
            context: from ``encode_context`` with images of the same size.
            hints, positions: not used: the published model knows no prior and no third axis.
            generator, sets: as of the `sparse` cascade.
            recite: also decode what tokens of each set's first context image hold of their masks, see ``LevelTrace``.

        Raises:
            InputError: for a target that does not fit the context.
        """
        n, _, size, _ = target.shape
        if size != context.size or (n % context.sets if sets is None else sets.shape != (n,)):
            raise InputError(
                f"{n} targets of {size} pixels do not fit a context of {context.sets} sets of {context.size} pixels."
            )
        maps = self.features.of_target(target)
        before: Tensor | None = None
        registers: Tensor | None = None
        levels: list[LevelTrace] = []
        for (side, count, _), known in zip(self.configuration.levels(size), context.levels, strict=True):
            # before the first level nothing is known: one bit of entropy everywhere
            before = target.new_zeros(n, 1, side, side) if before is None else resized(before, side)
            own = known if sets is None else known.select(sets)
            level, registers = self._segment_level(maps, before, registers, own, count, generator, recite)
            levels.append(replace(level, context=known.indices))
            before = level.after
        return CascadeOutput(levels[-1].after, tuple(levels))

    def _segment_level(
        self,
        maps: FeatureMaps,
        before: Tensor,
        handed_on: Tensor | None,
        context: PaperContextLevel,
        count: int,
        generator: torch.Generator | None,
        recite: bool,
    ) -> tuple[LevelTrace, Tensor]:
        c = self.configuration
        grid = PatchGrid(before.shape[-1], c.patch_size, c.patch_stride)
        weights = patch_means(binary_entropy(before.detach()), c.patch_size, c.patch_stride)
        selection = gumbel_top_k(weights, count, self._temperature, generator)
        code = self.resolution((grid.size,))
        tokens, skips = self.encoder(crop_features(maps, selection.indices, grid), code)
        tokens = (tokens + self.embed_resolution(code)).reshape(len(before), -1, c.features)
        places = self._positions(selection.indices, grid)
        attended, registers, shown = self._attend(tokens, places, handed_on, context)
        residual, coverage = aggregate(self.decoder(attended.flatten(0, 1), skips, code), selection.indices, grid)
        after = fuse(before, residual, coverage)
        recited = self._recite(shown[:, : context.indices.shape[2]], code) if recite else None
        return LevelTrace(
            grid.size, grid, weights, selection, coverage, before, after, context.indices, recited
        ), registers

    def _recite(self, tokens: Tensor, code: Tensor) -> Tensor:
        """Attended context tokens (B, K, d) -> logits (B, K, P, P): no skip connection could tell the mask."""
        features, patch = self.configuration.features, self.configuration.patch_size
        nothing = tokens.new_zeros(1, 1, 1, 1)
        count = tokens.shape[0] * tokens.shape[1]
        blank = [nothing.expand(count, features, patch // n, patch // n) for n in (1, 2, 4)]
        return self.decoder(tokens.flatten(0, 1), blank, code).view(*tokens.shape[:2], patch, patch)

    def _attend(
        self, tokens: Tensor, positions: Tensor, handed_on: Tensor | None, context: PaperContextLevel
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Joint layers: target tokens (N, K, d) and their positions -> attended tokens, the level's registers, and the
        attended context tokens of each set beside its first target."""
        c = self.configuration
        repeat = len(tokens) // len(context.tokens)
        registers = context.registers.repeat_interleave(repeat, 0)
        if handed_on is not None:
            registers = torch.cat((registers, handed_on), dim=1)
        first, last = registers.shape[1], registers.shape[1] + tokens.shape[1]
        together = torch.cat((registers, tokens, context.tokens.repeat_interleave(repeat, 0)), dim=1)
        types = torch.full((together.shape[1],), CONTEXT, device=tokens.device)
        types[first:last] = TARGET
        everywhere = torch.cat((positions, context.positions.repeat_interleave(repeat, 0)), dim=1)
        rotation = self._rotation(everywhere, first)
        visible = context_blind(types, first) if c.attention == "context_blind" else None
        if context.given is not None:
            shown = F.pad(context.given.repeat_interleave(repeat, 0), (last, 0), value=True)[:, None, None]
            visible = shown if visible is None else visible & shown
        for layer in self.joint_layers:
            together = layer(together, types, rotation, visible)
        together = self.norm(together)
        return together[:, first:last], together[:, : c.registers], together[::repeat, last:]

    @property
    def _temperature(self) -> float:
        return self.configuration.temperature if self.training else 0.0

    @staticmethod
    def _positions(indices: Tensor, grid: PatchGrid) -> Tensor:
        return token_positions(indices, grid, 1, torch.zeros(len(indices), 3, device=indices.device))

    def _rotation(self, positions: Tensor, registers: int) -> Rotation:
        """Rotation of ``registers`` tokens without a place, which are not turned, and of tokens at ``positions``."""
        origin = positions.new_zeros(len(positions), registers, 3)
        return self.rotary(torch.cat((origin, positions), dim=1))
