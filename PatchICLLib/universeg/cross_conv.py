"""CrossConv, the operation that lets every target talk to every support (UniverSeg, section 3.2)."""

import torch
from torch import Tensor, nn

from PatchICLLib.errors import InputError


class CrossConv2d(nn.Conv2d):
    """One convolution, shared by all pairs of a target map and a support map.

    For every pair the two maps are stacked channel-wise and convolved with the same kernel:
    ``z[b, t, s] = conv(target[b, t] || support[b, s])``.

    The weight has shape ``(out_channels, target_channels + support_channels, 3, 3)``; its first ``target_channels``
    input channels read the target.
    """

    def __init__(self, target_channels: int, support_channels: int, out_channels: int) -> None:
        super().__init__(target_channels + support_channels, out_channels, kernel_size=3, padding=1)
        self.target_channels = target_channels
        self.support_channels = support_channels

    def forward(self, target: Tensor, support: Tensor) -> Tensor:  # type: ignore[override]
        """Convolves all pairs.

        Args:
            target: (B, T, target_channels, H, W).
            support: (B, S, support_channels, H, W), on the same grid.

        Returns:
            (B, T, S, out_channels, H, W).

        Raises:
            InputError: if batch sizes, channels or grids do not fit.
        """
        if target.ndim != 5 or support.ndim != 5 or target.shape[0] != support.shape[0]:
            raise InputError(
                "CrossConv needs target and support of shape (batch, group, channels, rows, columns) with the same "
                f"batch size, but got {tuple(target.shape)} and {tuple(support.shape)}."
            )
        if target.shape[-2:] != support.shape[-2:]:
            raise InputError(
                f"CrossConv needs target and support on the same grid, but got {tuple(target.shape[-2:])} and "
                f"{tuple(support.shape[-2:])}; resample one of them."
            )
        if target.shape[2] != self.target_channels or support.shape[2] != self.support_channels:
            raise InputError(
                f"This CrossConv was made for {self.target_channels} target and {self.support_channels} support "
                f"channels, but got {target.shape[2]} and {support.shape[2]}."
            )
        batch, targets = target.shape[:2]
        supports = support.shape[1]
        pairs = torch.cat(
            (
                target[:, :, None].expand(-1, -1, supports, -1, -1, -1),
                support[:, None].expand(-1, targets, -1, -1, -1, -1),
            ),
            dim=3,
        )
        return super().forward(pairs.flatten(0, 2)).unflatten(0, (batch, targets, supports))
