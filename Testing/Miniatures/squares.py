"""Pictures of a bright square each."""

import torch


def squares(sets: int, images: int, size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy images (sets, images, size, size) and the masks of their squares."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(sets, images, size, size)
    for s in range(sets):
        for i in range(images):
            row, column = torch.randint(0, size // 2, (2,), generator=generator).tolist()
            masks[s, i, row : row + size // 3, column : column + size // 3] = 1
    return 0.2 + 0.6 * masks + 0.1 * torch.rand(masks.shape, generator=generator), masks
