"""Joint attention of target patches, context patches and registers, all to all (paper, section 3.4)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.positions import Rotation, rotate

CONTEXT, TARGET = 0, 1  # rows of the type embedding; registers count as context


class PaperAttentionLayer(nn.Module):
    """Pre-norm transformer layer with rotary positions, type embeddings of its own, and an appended zero key.

    The zero key and value let a token attend to nothing.
    """

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.type_embedding = nn.Parameter(torch.randn(2, features) * 0.02)
        self.norm_attention = nn.LayerNorm(features)
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)
        self.norm_mlp = nn.LayerNorm(features)
        self.mlp = nn.Sequential(
            nn.Linear(features, 4 * features),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * features, features),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Tensor, types: Tensor, rotation: Rotation, visible: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            tokens: (N, T, d).
            types: (T,) long, CONTEXT or TARGET.
            rotation: of the tokens.
            visible: (T, T), (N, 1, T, T) or (N, 1, 1, T) bool, True where the row's token may see the column's; None if
                all see all.

        Returns:
            (N, T, d).
        """
        typed = self.norm_attention(tokens) + self.type_embedding[types]
        n, t, _ = tokens.shape
        projected = self.queries_keys_values(typed).view(n, t, 3, self.heads, 2, -1)
        q, k, v = rotate(projected.permute(2, 0, 3, 1, 4, 5), rotation).flatten(4)
        k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
        mask = None if visible is None else F.pad(visible, (0, 1), value=True)
        attended = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=self.dropout if self.training else 0.0)
        tokens = tokens + self.output(attended.transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.norm_mlp(tokens))


def context_blind(types: Tensor, registers: int) -> Tensor:
    """Which token may see which, (T, T) bool, when context patches must not see target patches.

    Args:
        types: (T,) CONTEXT or TARGET.
        registers: how many of the first tokens are registers, which see everything.
    """
    blind = (types == CONTEXT) & (torch.arange(len(types), device=types.device) >= registers)
    return ~(blind[:, None] & (types == TARGET))
