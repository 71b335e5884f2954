"""CrossBlock: target and support maps exchange information, then each goes on (UniverSeg, section 3.2)."""

from torch import Tensor, nn

from PatchICLLib.universeg.cross_conv import CrossConv2d


class ConvUnit(nn.Sequential):
    """Convolution that keeps the grid, then, unless told otherwise, LeakyReLU. (N, in, H, W) -> (N, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, activation: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=kernel_size, padding=kernel_size // 2)
        if activation:
            self.activation = nn.LeakyReLU()
        initialise(self.conv, followed_by="leaky_relu" if activation else "linear")


class OverGroup(nn.Module):
    """Applies a module for (N, C, H, W) to each member of a group: (B, S, C, H, W) -> (B, S, C', H', W')."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.vmapped = module  # the name in the official weights file

    def forward(self, maps: Tensor) -> Tensor:
        return self.vmapped(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])


class CrossInteraction(nn.Module):
    """All pairs of one target with its supports, and their mean as the new target; no non-linearity."""

    def __init__(self, target_channels: int, support_channels: int, out_channels: int) -> None:
        super().__init__()
        self.cross_conv = CrossConv2d(target_channels, support_channels, out_channels)
        initialise(self.cross_conv, followed_by="linear")

    def forward(self, target: Tensor, support: Tensor, shares: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, 1, Ct, H, W), (B, S, Cs, H, W) -> (B, 1, C, H, W), (B, S, C, H, W); for shares see ``CrossBlock``."""
        pairs = self.cross_conv(target, support)[:, 0]
        if shares is None:
            return pairs.mean(dim=1, keepdim=True), pairs
        return (pairs * shares[:, :, None, None, None]).sum(dim=1, keepdim=True), pairs


class CrossBlock(nn.Module):
    """CrossConv over all pairs, average over the supports for the target, then one ConvUnit each.

    Any number of supports; their order does not matter to the target, which sees only their mean.
    """

    def __init__(self, target_channels: int, support_channels: int, features: int) -> None:
        super().__init__()
        self.cross = CrossInteraction(target_channels, support_channels, features)
        self.target = OverGroup(ConvUnit(features, features))
        self.support = OverGroup(ConvUnit(features, features))

    def forward(self, target: Tensor, support: Tensor, shares: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Exchange.

        Args:
            target: (B, 1, Ct, H, W).
            support: (B, S, Cs, H, W).
            shares: (B, S), what each support adds to the mean; they add up to 1. None if all add the same.

        Returns:
            (B, 1, features, H, W), (B, S, features, H, W).
        """
        target, support = self.cross(target, support, shares)
        return self.target(target), self.support(support)


def initialise(convolution: nn.Conv2d, followed_by: str) -> None:
    """Kaiming-normal weights for the non-linearity that follows, biases 0."""
    nn.init.kaiming_normal_(convolution.weight, nonlinearity=followed_by)  # type: ignore[arg-type]
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
