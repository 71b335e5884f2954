"""Where the model is unsure: entropy of a prediction, and its mean over candidate patches (paper, 3.2, eq. 1)."""

import math

import torch.nn.functional as F
from torch import Tensor


def binary_entropy(logits: Tensor) -> Tensor:
    """Entropy of a Bernoulli prediction, eq. 1: ``-p log2 p - (1 - p) log2 (1 - p)`` with ``p = sigmoid(logits)``.

    Args:
        logits: any shape.

    Returns:
        Same shape, in bits, 0 (certain) to 1 (undecided). Exact also where ``p`` rounds to 0 or 1.
    """
    certain = -logits.abs()
    # log(1 + exp(-|x|)) + |x| sigmoid(-|x|): the same by symmetry
    return (F.softplus(certain) - certain * certain.sigmoid()) * (1 / math.log(2))


def patch_means(weight_map: Tensor, patch_size: int, stride: int) -> Tensor:
    """Mean of a weight map over every candidate patch.

    Args:
        weight_map: (N, 1, S, S).
        patch_size: side of a patch in pixels.
        stride: distance of neighbouring candidates in pixels.

    Returns:
        (N, G*G) with G = (S - patch_size) / stride + 1 candidates a side, row by row.
    """
    return F.avg_pool2d(weight_map, patch_size, stride).flatten(1)
