"""How far runs along several axes agree: one that finds something else than the others is not to be trusted."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import torch
from torch import Tensor

from PatchICLLib.propagation.voice import Box, Voice

_POWER = 3
_LEAST = 0.1  # Dice: no run is quite worthless, where others are silent


def trust(voices: Sequence[Voice], boxes: Iterable[Box], device: torch.device) -> Tensor:
    """How much each run counts: the cube of its mean Dice with the others, on slices that both know.

    Of two runs nobody knows which is right: they count alike.

    Args:
        voices: of N runs.
        boxes: to compare them in, which do not overlap.
        device: of the voices.

    Returns:
        (N,) factors, at most 1.
    """
    if len(voices) < 3:
        return torch.ones(len(voices), device=device)
    pairs = list(combinations(range(len(voices)), 2))
    common, each = torch.zeros(2, len(pairs), dtype=torch.int64, device=device)
    for box in boxes:
        said = [voice.inside(box, device) for voice in voices]
        common += torch.stack([(said[a][0] & said[b][0]).sum() for a, b in pairs])
        each += torch.stack([(said[a][0] & said[b][1]).sum() + (said[b][0] & said[a][1]).sum() for a, b in pairs])
    dice = (2 * common + 1).float() / (each + 1)
    means = [torch.stack([dice[n] for n, pair in enumerate(pairs) if one in pair]).mean() for one in range(len(voices))]
    return torch.stack(means).clamp_min(_LEAST) ** _POWER
