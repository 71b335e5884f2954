"""What sees what in joint attention: nobody sees what only fills up a batch, nor one subject's context another's."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.cascade.context_cache import ContextLevel
from PatchICLLib.cascade.selection import Selection


def hidden_padding(selection: Selection, context: ContextLevel, tokens: int) -> Tensor | None:
    """Hides the tokens of patches and of context images that only pad the batch: (N, 1, 1, T + C), or None.

    A sample without any valid patch still has its context's keys; what it computes is not used.
    """
    if selection.whole and context.given is None:
        return None
    n, k = selection.valid.shape
    own = _added(selection.valid)[:, :, None].expand(n, k, tokens).reshape(n, -1)
    count = context.layers[0].shape[3]
    if context.given is None:
        return F.pad(own, (0, count))[:, None, None]
    others = _added(context.given)[:, None].expand(-1, n // len(context.given), -1).reshape(n, -1)
    return torch.cat([own, others], 1)[:, None, None]


def _added(given: Tensor) -> Tensor:
    """What is added to attention's scores of keys: 0 if given, else minus infinity."""
    return given.to(torch.float32).log()


def hidden_keys(given: Tensor | None, subject: Tensor | None) -> Tensor | None:
    """What is added to the scores of a context's T own tokens, (B, 1, 1, T), or (B, 1, T, T) for several subjects.

    Args:
        given, subject: (B, T) of each token's image, see ``SparseCascade.encode_context``.
    """
    if subject is None:
        return None if given is None else _added(given)[:, None, None]
    alike = subject[:, :, None] == subject[:, None]
    if given is not None:  # what only fills up a set sees all, lest it see nothing
        alike = given[:, None] & (alike | ~given[:, :, None])
    return _added(alike)[:, None]


def spread(of_images: Tensor | None, counts: Sequence[int]) -> list[Tensor | None]:
    """(B, k) of images for each of their parts, of which each level has so many in all: of each level (B, count)."""
    if of_images is None:
        return [None] * len(counts)
    return [of_images.repeat_interleave(count // of_images.shape[1], 1) for count in counts]


def together(of_levels: Sequence[Tensor | None]) -> Tensor | None:
    """What was ``spread``, level by level in one: (B, sum of counts)."""
    there = [one for one in of_levels if one is not None]
    return torch.cat(there, 1) if there else None
