"""Joint attention of target and context patches (paper, section 3.4), with context that never sees the target.

Context tokens attend to context only, so their keys and values are the same for every target slice and are computed
once; target tokens attend to themselves and to the context.
"""

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
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.type_embedding = nn.Parameter(torch.randn(2, features) * 0.02)  # context, target
        self.other_subject = nn.Parameter(torch.zeros(features))  # what context of another subject has beside
        self.norm_attention = nn.LayerNorm(features)
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)
        self.norm_mlp = nn.LayerNorm(features)
        self.mlp = nn.Sequential(nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features))

    def of_context(
        self,
        tokens: Tensor,
        rotation: Rotation,
        groups: Sequence[int],
        masks: Sequence[Tensor | None],
        others: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The context's own tokens, in groups that do not see each other.

        Args:
            tokens: (B, T, d).
            rotation: of the tokens.
            groups: tokens of each group; T together.
            masks: for each group (B, 1, 1 or tokens of the group, tokens of the group), added to the scores; None for
                nothing.
            others: (B, T) 1 for tokens of another subject, else 0; None if there are none.

        Returns:
            Tokens (B, T, d), and for each group its keys and values (2, B, heads, tokens of the group, d / heads).
        """
        tokens = tokens + self.type_embedding[0]
        if others is not None:
            tokens = tokens + others[..., None] * self.other_subject
        parts = self._queries_keys_values(tokens, rotation).split(tuple(groups), 3)
        attended = [self._attend(part[0], part[1:], mask) for part, mask in zip(parts, masks, strict=True)]
        return self._end(tokens, torch.cat(attended, 1)), tuple(part[1:] for part in parts)

    def forward(self, tokens: Tensor, rotation: Rotation, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Target tokens, which see themselves and their context.

        Args:
            tokens: (N, T, d).
            rotation: of the tokens.
            context: keys and values of the context (2, N, heads, C, d / heads), or (2, 1, ...) for all alike.
            mask: (N, 1, 1, T + C), added to the scores, for instance minus infinity for a key that may not be seen;
                None for nothing.

        Returns:
            Tokens (N, T, d).
        """
        tokens = tokens + self.type_embedding[1]
        turned = self._queries_keys_values(tokens, rotation)
        keys_values = torch.cat([turned[1:], context.expand(-1, len(tokens), -1, -1, -1)], 3)
        return self._end(tokens, self._attend(turned[0], keys_values, mask))

    def _queries_keys_values(self, tokens: Tensor, rotation: Rotation) -> Tensor:
        """(N, T, d) -> (3, N, heads, T, d / heads)."""
        n, t, _ = tokens.shape
        projected = self.queries_keys_values(self.norm_attention(tokens)).view(n, t, 3, self.heads, 2, -1)
        return rotate(projected.permute(2, 0, 3, 1, 4, 5), rotation).flatten(4)

    @staticmethod
    def _attend(queries: Tensor, keys_values: Tensor, mask: Tensor | None) -> Tensor:
        """Queries (N, heads, T, head), keys and values (2, N, heads, C, head) -> (N, T, d)."""
        attended = F.scaled_dot_product_attention(queries, keys_values[0], keys_values[1], mask)
        return attended.transpose(1, 2).flatten(2)

    def _end(self, tokens: Tensor, attended: Tensor) -> Tensor:
        tokens = tokens + self.output(attended)
        return tokens + self.mlp(self.norm_mlp(tokens))
