"""From the host's memory to the device and back: the one place where tensors move on a hot path.

A device works through its queue while the host prepares what comes next. Whoever asks for a value on it waits for
all that was queued. So what moves, moves here, where it can be counted, and tests refuse it anywhere else.
"""

import numpy as np
import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device, without waiting for what the device has to do; on the CPU itself, no copy."""
    return tensor.to(device, non_blocking=device.type == "cuda")  # others read the host's memory later, if asked to


def to_host(tensor: Tensor) -> np.ndarray:
    """The values of a tensor of any device as an array: waits until they are computed; on the CPU no copy.

    Args:
        tensor: of a type that numpy knows.
    """
    return tensor.detach().cpu().numpy()
