"""UniverSeg (Butoi et al., ICCV 2023, arXiv 2304.06131): in-context segmentation by dense cross-convolutions.

The published network: an encoder of four CrossBlocks of 64 channels, a decoder of three, max pooling between, skips by
concatenation. 1,182,785 parameters. Here it is the baseline, and its encoder reads the features of the `paper` preset.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from PatchICLLib.allowed_values import Between, Length
from PatchICLLib.errors import InputError
from PatchICLLib.universeg.cross_block import ConvUnit, CrossBlock


@dataclass(frozen=True)
class UniverSegConfiguration:
    """Channels of the encoder's blocks, fine to coarse; the decoder mirrors them. The default is the published one."""

    encoder_channels: Annotated[tuple[Annotated[int, Between(1, 256)], ...], Length(1, 8)] = (64, 64, 64, 64)

    @property
    def stride(self) -> int:
        """Rows and columns must be a multiple of this."""
        return 2 ** (len(self.encoder_channels) - 1)


class UniverSegEncoder(nn.Module):
    """The encoder alone: CrossBlocks with max pooling between them."""

    def __init__(self, configuration: UniverSegConfiguration | None = None) -> None:
        super().__init__()
        self.configuration = configuration or UniverSegConfiguration()
        channels = self.configuration.encoder_channels
        inputs = ((1, 2), *((features, features) for features in channels[:-1]))
        self.enc_blocks = nn.ModuleList(
            CrossBlock(target, support, features) for (target, support), features in zip(inputs, channels, strict=True)
        )

    def encode(self, target: Tensor, support: Tensor, shares: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        """Runs the encoder.

        Args:
            target: (B, 1, 1, H, W).
            support: (B, S, 2, H, W), image and mask.
            shares: see ``CrossBlock``.

        Returns:
            Target and support maps after each block, fine to coarse: (B, 1, C, h, w) and (B, S, C, h, w), h and w
            halved from block to block.
        """
        maps: list[tuple[Tensor, Tensor]] = []
        for block in self.enc_blocks:
            if maps:
                target, support = _halve(target), _halve(support)
            target, support = block(target, support, shares)
            maps.append((target, support))
        return maps


class UniverSeg(UniverSegEncoder):
    """Segments a target image from support images and their masks.

    Parameter names and shapes are those of the official weights file, see
    :func:`PatchICLLib.universeg.official.load_official_weights`.
    """

    def __init__(self, configuration: UniverSegConfiguration | None = None) -> None:
        super().__init__(configuration)
        channels = self.configuration.encoder_channels
        self.dec_blocks = nn.ModuleList()
        below = channels[-1]
        for features in reversed(channels[:-1]):
            self.dec_blocks.append(CrossBlock(below + features, below + features, features))
            below = features
        self.out_conv = ConvUnit(below, 1, kernel_size=1, activation=False)

    def forward(
        self, target: Tensor, support_images: Tensor, support_masks: Tensor, shares: Tensor | None = None
    ) -> Tensor:
        """Segments.

        Args:
            target: (B, 1, H, W) image with values 0-1; H and W multiples of 8.
            support_images: (B, S, 1, H, W) with values 0-1, any S >= 1.
            support_masks: (B, S, 1, H, W) with values 0-1.
            shares: see ``CrossBlock``.

        Returns:
            Logits (B, 1, H, W).

        Raises:
            InputError: if the shapes do not fit or H or W is no multiple of 8.
        """
        self._check(target, support_images, support_masks)
        skips = self.encode(target[:, None], torch.cat((support_images, support_masks), dim=2), shares)
        target, support = skips.pop()
        for block in self.dec_blocks:
            target_skip, support_skip = skips.pop()
            target = torch.cat((_double(target), target_skip), dim=2)
            support = torch.cat((_double(support), support_skip), dim=2)
            target, support = block(target, support, shares)
        return self.out_conv(target[:, 0])

    def _check(self, target: Tensor, support_images: Tensor, support_masks: Tensor) -> None:
        if target.ndim != 4 or target.shape[1] != 1:
            raise InputError(f"The target must have shape (batch, 1, rows, columns), but has {tuple(target.shape)}.")
        if support_images.shape != support_masks.shape:
            raise InputError(
                "Support images and masks must have the same shape, but have "
                f"{tuple(support_images.shape)} and {tuple(support_masks.shape)}."
            )
        expected = (target.shape[0], *support_images.shape[1:2], *target.shape[1:])
        if tuple(support_images.shape) != expected or support_images.shape[1] < 1:
            raise InputError(
                f"Support images must have shape (batch, at least 1, 1, rows, columns) to fit a target of "
                f"{tuple(target.shape)}, but have {tuple(support_images.shape)}."
            )
        stride = self.configuration.stride
        if any(length % stride for length in target.shape[-2:]):
            raise InputError(
                f"Rows and columns must be multiples of {stride}, but the target has {tuple(target.shape[-2:])}; "
                "resize or pad the images."
            )


def _halve(maps: Tensor) -> Tensor:
    return functional.max_pool2d(maps.flatten(0, 1), 2).unflatten(0, maps.shape[:2])


def _double(maps: Tensor) -> Tensor:
    doubled = functional.interpolate(maps.flatten(0, 1), scale_factor=2, mode="bilinear", align_corners=True)
    return doubled.unflatten(0, maps.shape[:2])
