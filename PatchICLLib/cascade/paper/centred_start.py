"""Initial weights with which the published model hears its context from the first step on.

With the usual initial weights it does not: the decoder's skip connections, the target's own features, are several
times as large as what comes from the token, at each of its three doublings, and nearly all of a token is what all
tokens have in common. So the masks of the context move the prediction by 0.3 % of its deviation, and training ends in
predicting the same for every context. As in layer-sequential unit-variance initialisation (Mishkin and Matas, ICLR
2016), each layer's output on a batch of tasks decides here its weight's scale and its bias; the architecture is left
alone. Attention begins with the context's patches at about the same place, whose masks are the best first guess.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from PatchICLLib.cascade.paper.attention import CONTEXT, TARGET, PaperAttentionLayer
from PatchICLLib.cascade.paper.model import PaperCascade

_SKIPS = 0.25  # of the weights that read the skip connections, at first
_SPREAD, _BACKGROUND = 0.5, -1.5  # deviation and mean of the first logits: less is inside than outside
_RESOLUTION = 0.1  # of the weights that read the resolution, so that tokens of all levels begin around zero

_PLACE = (2.0, 4.0, 6.0, 8.0)  # attention's score at the same place, of every four heads; it falls with the distance
_CONTENT = 0.5  # of the weights of queries and keys, at first
_TYPE = (
    3.0  # length of the type embeddings; and about how much larger a score context has than the target's own patches
)

Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


@torch.no_grad()
def centre(model: PaperCascade, images: Tensor, masks: Tensor, target: Tensor) -> None:
    """Choose scales and biases so that what patches differ in is what the layers pass on.

    Args:
        model: with the frozen encoder that it will keep.
        images, masks: (B, k, H, H), context as for ``encode_context``; a dozen tasks are enough.
        target: (N, 1, H, H) as for ``forward``.
    """
    training = model.training
    model.eval()

    def run() -> None:
        model(target, model.encode_context(images, masks))

    def settle(layer: Layer, deviation: float, mean: float = 0.0) -> None:
        outputs = _outputs(layer, run)
        middle, spread = _moments(outputs[-1], by_channel=not isinstance(layer, nn.Linear))
        layer.weight.mul_(deviation / spread)
        layer.bias.mul_(deviation / spread).sub_(middle * deviation / spread).add_(mean)  # type: ignore[union-attr]

    for layer in model.joint_layers:
        _look_at_same_place(layer)  # type: ignore[arg-type]
    encoder, decoder = model.encoder, model.decoder
    settle(encoder.projection, 1.0)
    for level in encoder.levels:
        settle(level.convolution, 1.0)  # type: ignore[arg-type]
    tokens = torch.cat([tokens for tokens, _ in _outputs(encoder, run)])
    middle, spread = _moments(tokens, by_channel=False)
    model.embed_resolution.weight.mul_(_RESOLUTION)
    model.embed_resolution.bias.copy_(-middle)
    first, second, last = (layer for layer in model.embed_mask.reader if isinstance(layer, nn.Conv2d))
    settle(first, 1.0)
    settle(second, 1.0)
    settle(last, spread)
    settle(model.embed_mask.fusion, spread)
    for layer in (*model.context_layers, *model.joint_layers):
        settle(layer.output, spread)
        settle(layer.mlp[3], spread)
    for doubling, level in zip(decoder.doublings, decoder.levels, strict=True):
        settle(doubling, 1.0)  # type: ignore[arg-type]
        if decoder.skip_connections:
            level.convolution.weight[:, model.configuration.features :].mul_(_SKIPS)  # type: ignore[union-attr, index]
        settle(level.convolution, 1.0)  # type: ignore[arg-type]
    settle(decoder.head[0], 1.0)  # type: ignore[arg-type]
    settle(decoder.head[2], _SPREAD, _BACKGROUND)  # type: ignore[arg-type]
    model.train(training)


def _look_at_same_place(layer: PaperAttentionLayer) -> None:
    """Let all queries and keys share a vector that positions turn; the last pair, which they do not, tells types."""
    features, heads = layer.output.in_features, layer.heads
    pairs = features // heads // 2
    in_plane, scale = pairs - max(1, pairs // 4), math.sqrt(2 * pairs)
    weight = layer.queries_keys_values.weight.view(3, heads, 2, pairs, features)
    bias = layer.queries_keys_values.bias.view(3, heads, 2, pairs)
    weight[:2] *= _CONTENT
    bias[:2] = 0
    for head in range(heads):
        bias[:2, head, 0, :in_plane] = math.sqrt(_PLACE[head % len(_PLACE)] * scale / in_plane)
    towards = torch.nn.functional.normalize(torch.randn(features, device=weight.device), dim=0)
    layer.type_embedding[TARGET], layer.type_embedding[CONTEXT] = _TYPE * towards, -_TYPE * towards
    gain = math.sqrt(scale / 2)  # 2 * _TYPE * gain**2 / scale is _TYPE
    weight[:2, :, 0, -1] = 0
    bias[0, :, 0, -1] = gain
    weight[1, :, 0, -1] = -gain * towards


def _outputs(module: nn.Module, run: Callable[[], None]) -> list:
    """What a module returns each time it is called."""
    seen: list = []
    handle = module.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        run()
    finally:
        handle.remove()
    return seen


def _moments(output: Tensor, by_channel: bool) -> tuple[Tensor, float]:
    """Mean of each feature, and the deviation from it over all; features are the second dimension, else the last."""
    rows = (output.movedim(1, -1) if by_channel else output).flatten(0, -2)
    middle = rows.mean(0)
    return middle, float((rows - middle).pow(2).mean().sqrt())
