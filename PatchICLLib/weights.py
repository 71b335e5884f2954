"""Weights with their model card: `NAME.safetensors` and `NAME.json`, loaded without running any code, hash checked.

`eight_bits.py` says how numbers are stored, `weight_files.py` in how many files.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from PatchICLLib.cascade.paper import PaperCascade
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.eight_bits import check_bits, coded, decoded
from PatchICLLib.errors import WeightsError
from PatchICLLib.model_card import card_path, configuration_from, read_card, sealed, temperature_of
from PatchICLLib.outputs import Output, StagedFiles, stage_json, write_errors
from PatchICLLib.outputs.companions import companions_of, is_further
from PatchICLLib.presets import build, preset
from PatchICLLib.resources import ResourceError, resource_path
from PatchICLLib.universeg.official import load_official_weights
from PatchICLLib.weight_files import Lender, divided, further_files, load_tensors, sha256_of, stage_tensors

BUNDLED = {"sparse": "sparse-6", "paper": "paper-1", "universeg": "universeg-2"}  # the weights that ship, by preset
DEFAULT_PRESET = "sparse"
_OFFICIAL_SIZE = 128  # pixels a side that the official weights of UniverSeg were trained with
_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LENT = "features.encoder."  # the preset paper reads with the encoder of UniverSeg, whose weights may ship


@dataclass(frozen=True)
class Pretrained:
    """A model with its weights, in evaluation mode.

    Attributes:
        model: called like the cascades.
        name: of the weights.
        preset: name of the preset.
        sha256: of the weights file.
        card: the model card.
    """

    model: nn.Module
    name: str
    preset: str
    sha256: str
    card: dict[str, Any]

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities; fitted by ``patchicl evaluate calibration``."""
        return temperature_of(self.card)

    def provenance(self) -> dict[str, str]:
        return {"name": self.name, "preset": self.preset, "sha256": self.sha256}


def find_weights(weights: str | Path | None = None, preset_name: str | None = None) -> Path:
    """The weights file for a bundled name or a path; the bundled one of the preset if None.

    Raises:
        WeightsError: there is no such file.
    """
    if weights is None:
        name = preset_name or DEFAULT_PRESET
        preset(name)
        weights = BUNDLED[name]
    path = Path(weights)
    try:
        if path.suffix == ".safetensors" or path.is_file():
            if not path.is_file():
                raise WeightsError(f"There is no weights file {path}.")
            return path
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read ({error.strerror}).") from error
    try:
        return resource_path(f"Weights/{weights}.safetensors")
    except ResourceError as error:
        known = ", ".join(sorted(BUNDLED.values()))
        raise WeightsError(f"There are no weights {weights}: give a .safetensors file or one of {known}.") from error


def weights_file(weights: str | Path | None = None, preset_name: str | None = None) -> Path | None:
    """As `find_weights`, but None if there is none: to know what a command reads before it is loaded."""
    try:
        return find_weights(weights, preset_name)
    except (WeightsError, OSError, ValueError):
        return None


def load_weights(weights: str | Path | None = None, preset_name: str | None = None, device: Any = "cpu") -> Pretrained:
    """A pretrained model.

    Args:
        weights: name of bundled weights, a .safetensors file with its model card beside it, or None for the default.
        preset_name: the preset that the weights must be of; None for any.
        device: torch device.

    Raises:
        WeightsError: missing, damaged or of another preset.
    """
    path = find_weights(weights, preset_name)
    card = read_card(path)
    if preset_name is not None and card["preset"] != preset_name:
        raise WeightsError(f"The weights {path.name} are of the preset {card['preset']}, not {preset_name}.")
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read ({error.strerror}).") from error
    if digest != card["sha256"]:
        raise WeightsError(
            f"The weights file {path} is damaged: its sha256 starts with {digest[:12]}, its model card says "
            f"{card['sha256'][:12]}; get the file again."
        )
    model = build(configuration_from(card["preset"], card["configuration"]))
    try:
        state = _state(path, model)
        _check_tensors(state, model, card)
        model.load_state_dict(_completed(state, model))
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"The weights file {path} does not fit the preset {card['preset']}: {error}.") from error
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"The weights file {path} holds numbers that are none, in {name}; get it again.")
    return Pretrained(model.to(device).eval(), path.stem, card["preset"], digest, card)


def official_pretrained(path: str | Path, working_size: int | None = _OFFICIAL_SIZE) -> Pretrained:
    """UniverSeg with its authors' weights, on the CPU, for whatever takes a pretrained model.

    Args:
        path: of ``universeg_v1_nf64_ss64_STA.pt``.
        working_size: side that images are resized to, or None for their own.

    Raises:
        WeightsError: see ``load_official_weights``.
    """
    path = Path(path)
    model = UniverSegInContext(UniverSegInContextConfiguration(working_size=working_size))
    model.network = load_official_weights(path)
    return Pretrained(model.eval(), path.stem, "universeg", sha256_of(path), {})


def _may_lack(name: str) -> bool:
    """Whether weights made before 0.2 may lack a tensor: what tells context of another subject from a scan's own."""
    return name.rpartition(".")[2] == "other_subject"


def _completed(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """With zeros for what they may lack: context of another subject is then a context like any other."""
    made = {name: torch.zeros_like(x) for name, x in model.state_dict().items() if _may_lack(name)}
    return {**made, **state}


def _tells_subjects(state: dict[str, Tensor]) -> bool:
    """Whether weights have learned to tell context of another subject from a scan's own."""
    return any(bool(x.any()) for name, x in state.items() if _may_lack(name))


def _state(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """All tensors of a model's weights by value, those of a lent encoder among them.

    Raises:
        WeightsError, SafetensorError, ValueError: see `load_tensors`; or there is no such encoder, or no use for it.
    """
    stored, lender = load_tensors(path)
    state = decoded(stored)
    if lender is None:
        return state
    if not isinstance(model, PaperCascade):
        raise ValueError("its header names an encoder")
    network, sha256 = _universeg(load_weights(lender.name, "universeg"))
    if sha256 != lender.sha256:
        raise WeightsError(
            f"The weights {path.name} read with the encoder of other weights {lender.name} than those that are here, "
            f"whose sha256 starts with {sha256[:12]}, not {lender.sha256[:12]}; get both of one version of PatchICL."
        )
    return state | {_LENT + name: tensor for name, tensor in network.items() if name.startswith("enc_blocks.")}


def _universeg(pretrained: Pretrained) -> tuple[dict[str, Tensor], str]:
    assert isinstance(pretrained.model, UniverSegInContext)  # the preset's
    return pretrained.model.network.state_dict(), pretrained.sha256


def _lender(model: nn.Module) -> Lender | None:
    """The bundled weights of UniverSeg if a model reads with their encoder, bit for bit."""
    if not isinstance(model, PaperCascade):
        return None
    network, sha256 = _universeg(load_weights(None, "universeg"))
    own = model.features.encoder.state_dict()
    same = all(name in network and torch.equal(tensor.cpu(), network[name]) for name, tensor in own.items())
    return Lender(BUNDLED["universeg"], sha256) if same else None


def _check_tensors(state: dict[str, Tensor], model: nn.Module, card: dict[str, Any]) -> None:
    """Compare names, shapes and types of tensors with those of the network that a card describes.

    Raises:
        ValueError: they differ; the message continues a sentence.
    """
    lacking = {name for name in model.state_dict() if _may_lack(name)} - state.keys()
    expected = {name: tensor.shape for name, tensor in model.state_dict().items() if name not in lacking}
    parameters = sum(p.numel() for name, p in model.named_parameters() if name not in lacking)
    if card.get("parameters", parameters) != parameters:
        raise ValueError(f"its model card tells of {ascii(card['parameters'])[:20]} parameters, not of {parameters}")
    if state.keys() != expected.keys():
        more, less = sorted(state.keys() - expected.keys()), sorted(expected.keys() - state.keys())
        raise ValueError(f"it lacks {less[0]}" if less else f"it holds {ascii(more[0])[:60]}, which is unknown")
    for name, shape in expected.items():
        tensor = state[name]
        if tensor.shape != shape:
            raise ValueError(f"{name} has the shape {list(tensor.shape)}, not {list(shape)}")
        if tensor.dtype not in _TYPES:
            raise ValueError(f"{name} holds numbers of the type {str(tensor.dtype).removeprefix('torch.')}")


def save_weights(
    model: nn.Module, path: Path, preset_name: str, card: dict[str, Any], bits: int = 32
) -> dict[str, Any]:
    """Write `path` (.safetensors) and its model card, which appear together when all is complete.

    Args:
        model: with a frozen dataclass ``configuration``.
        path: of the weights.
        preset_name: of the model.
        card: what else the model card should say.
        bits: that a number is stored in; with less than 32 in files below 4 MB, without an encoder that ships anyway.

    Returns:
        The card as written.

    Raises:
        InputError: the files cannot be written; nothing was changed.
    """
    check_bits(bits)
    tensors, lender = _stored(model, bits)
    configuration: Any = model.configuration
    with StagedFiles() as files, write_errors(path, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {
            "preset": preset_name,
            "configuration": dataclasses.asdict(configuration),
            "parameters": sum(p.numel() for p in model.parameters()),
            "tells_subjects": _tells_subjects(model.state_dict()),
            "bits": bits,
            "sha256": stage_tensors(files, path, tensors, lender),
            **card,
        }
        stage_json(files, sealed(whole), card_path(path))
        files.commit()
    return sealed(whole)


def _stored(model: nn.Module, bits: int) -> tuple[list[dict[str, Tensor]], Lender | None]:
    """Tensors of each file, and who holds what is in none of them."""
    if bits == 32:
        return [coded(model, bits)], None
    lender = _lender(model)
    tensors = {name: x for name, x in coded(model, bits).items() if lender is None or not name.startswith(_LENT)}
    return divided(tensors), lender


def weights_outputs(name: str, path: Path, bits: int = 32) -> list[Output]:
    """What `save_weights` will write; a model card and further files of `path` are replaced, no others."""
    ours = {one.name for one in further_files(path)}
    others = [one for one in companions_of(path) if is_further(one)] if bits < 32 else []
    return [
        Output(name, path, (".safetensors",)),
        Output(f"The model card of {name}", card_path(path), recognised=_is_card),
        *(Output(f"A further file of {name}", one, recognised=lambda place: place.name in ours) for one in others),
    ]


def _is_card(path: Path) -> bool:
    try:
        read_card(path)
    except WeightsError:
        return False
    return True
