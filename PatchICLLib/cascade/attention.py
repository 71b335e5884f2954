"""Joint attention of target and context patches (paper, section 3.4), with context that never sees the target.

Context tokens attend to context only, so their keys and values are the same for every target slice and are computed
once; target tokens attend to themselves and to the context.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.positions import rotate

KeysValues = tuple[Tensor, Tensor]


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

    def forward(
        self,
        tokens: Tensor,
        rotation: tuple[Tensor, Tensor],
        context: KeysValues | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, KeysValues]:
        """Attend.

        Args:
            tokens: (N, T, d).
            rotation: cosine and sine of the tokens' positions.
            context: keys and values of the context, (N, heads, C, d / heads) each; None when these are the
                context's own tokens.
            mask: (N, 1, 1, T + C) bool, True where a key may be seen; None if all may.

        Returns:
            Tokens (N, T, d), and the tokens' own keys and values (N, heads, T, d / heads).
        """
        n, t, d = tokens.shape
        tokens = tokens + self.type_embedding[0 if context is None else 1]
        qkv = self.queries_keys_values(self.norm_attention(tokens)).view(n, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = rotate(q, rotation), rotate(k, rotation)
        own = (k, v)
        if context is not None:
            k, v = torch.cat([k, context[0]], 2), torch.cat([v, context[1]], 2)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        tokens = tokens + self.output(attended.transpose(1, 2).reshape(n, t, d))
        return tokens + self.mlp(self.norm_mlp(tokens)), own
