"""Joint attention of target and context patches (paper, section 3.4), with context that never sees the target.

Context tokens attend to context only, so their keys and values are the same for every target slice and are computed
once; target tokens attend to themselves and to the context.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.positions import Rotation, rotate


class AttentionLayer(nn.Module):
    """Pre-norm transformer layer with rotary positions and a learned type embedding of its own.

    Args:
        features: length of a token, d.
        heads: number of heads.
        expansion: width of the hidden layer in units of d.
    """

    def __init__(self, features: int, heads: int, expansion: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.type_embedding = nn.Parameter(torch.randn(2, features) * 0.02)  # context, target
        self.norm_attention = nn.LayerNorm(features)
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)
        self.norm_mlp = nn.LayerNorm(features)
        self.mlp = nn.Sequential(
            nn.Linear(features, expansion * features), nn.GELU(), nn.Linear(expansion * features, features)
        )

    def of_context(
        self, tokens: Tensor, rotation: Rotation, groups: Sequence[int], masks: Sequence[Tensor | None]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The context's own tokens, in groups that do not see each other.

        Args:
            tokens: (B, T, d).
            rotation: of the tokens.
            groups: tokens of each group; T together.
            masks: for each group (B, 1, 1, tokens of the group) bool, True where a key may be seen; None if all may.

        Returns:
            Tokens (B, T, d), and for each group its keys and values (B, tokens of the group, 2, heads, d / heads).
        """
        tokens, turned = self._queries_keys_values(tokens, rotation, 0)
        parts = turned.split(tuple(groups), 1)
        keys_values = tuple(part[:, :, 1:] for part in parts)
        attended = [
            self._attend(part[:, :, 0], own, mask) for part, own, mask in zip(parts, keys_values, masks, strict=True)
        ]
        return self._end(tokens, torch.cat(attended, 1)), keys_values

    def forward(self, tokens: Tensor, rotation: Rotation, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Target tokens, which see themselves and their context.

        Args:
            tokens: (N, T, d).
            rotation: of the tokens.
            context: keys and values of B sets (B, C, 2, heads, d / heads), for N / B targets each, set by set.
            mask: (N, 1, 1, T + C) bool, True where a key may be seen; None if all may.

        Returns:
            Tokens (N, T, d).
        """
        tokens, turned = self._queries_keys_values(tokens, rotation, 1)
        own = turned[:, :, 1:].unflatten(0, (len(context), -1))
        shared = context[:, None].expand(-1, own.shape[1], -1, -1, -1, -1)
        keys_values = torch.cat([own, shared], 2).flatten(0, 1)
        return self._end(tokens, self._attend(turned[:, :, 0], keys_values, mask))

    def _queries_keys_values(self, tokens: Tensor, rotation: Rotation, kind: int) -> tuple[Tensor, Tensor]:
        """Tokens with their type, and their turned queries, keys and values (N, T, 3, heads, d / heads)."""
        tokens = tokens + self.type_embedding[kind]
        projected = self.queries_keys_values(self.norm_attention(tokens))
        return tokens, rotate(projected.unflatten(-1, (3, self.heads, -1)), rotation)

    @staticmethod
    def _attend(queries: Tensor, keys_values: Tensor, mask: Tensor | None) -> Tensor:
        """Queries (N, T, heads, head), keys and values (N, C, 2, heads, head) -> (N, T, d)."""
        keys, values = keys_values.permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(queries.transpose(1, 2), keys, values, mask).transpose(1, 2).flatten(2)

    def _end(self, tokens: Tensor, attended: Tensor) -> Tensor:
        tokens = tokens + self.output(attended)
        return tokens + self.mlp(self.norm_mlp(tokens))
