"""Between the features and pixels of patches and the tokens that attention sees of them.

Of n images K patches each of P x P pixels, t x t tokens a patch; a cell is what the encoder's coarsest feature covers.
"""

from torch import Tensor

CELL = 4  # pixels a side of the encoder's coarsest feature: the grain of the mask read-out


def flatten(features: Tensor, n: int) -> Tensor:
    """(n*K, c, s, s) -> (n, K*s*s, c)."""
    return features.permute(0, 2, 3, 1).reshape(n, -1, features.shape[1])


def unfold(image: Tensor, merge: int, n: int) -> Tensor:
    """Pixels of each token of ``merge`` cells a side: (n*K, c, P, P) -> (n, K*t*t, c * (4 merge)^2)."""
    side = CELL * merge
    tokens = image.unflatten(3, (-1, side)).unflatten(2, (-1, side)).permute(0, 2, 4, 1, 3, 5)
    return tokens.reshape(n, -1, image.shape[1] * side * side)


def fold(blocks: Tensor, cells: int) -> Tensor:
    """Inverse of ``unfold`` for one channel and ``cells`` a side of a patch: (n, K*cells^2, 16) -> (n*K, 1, P, P)."""
    pixels = blocks.reshape(-1, cells, cells, CELL, CELL).transpose(2, 3)
    side = cells * CELL
    return pixels.reshape(-1, side, side, 1).permute(0, 3, 1, 2)


def grown(tokens: Tensor, cells: int, merge: int) -> Tensor:
    """Tokens of ``merge`` cells a side to the grain of cells: (n, K*t*t, d) -> (n*K, d, cells, cells)."""
    t, d = cells // merge, tokens.shape[-1]
    each = tokens.reshape(-1, t, 1, t, 1, d).expand(-1, t, merge, t, merge, d)
    return each.reshape(-1, cells, cells, d).permute(0, 3, 1, 2)
