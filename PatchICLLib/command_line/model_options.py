"""Options by which several commands say which network works, and where, declared once."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

WeightsOption = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Bundled weights or a file.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")]


@dataclass(frozen=True)
class Model:
    """Which weights, and where they run."""

    weights: WeightsOption = None
    device: DeviceOption = "auto"

    def arguments(self) -> dict[str, Any]:
        """Those of ``Propagator.from_pretrained``."""
        return {"weights": self.weights, "device": self.device}


@dataclass(frozen=True)
class Engine(Model):
    """The same, and how it is used in a propagation."""

    preset: Annotated[str | None, typer.Option(help="Model preset; default that of the weights.")] = None
    context_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many painted slices each slice looks at.")
    ] = None
    prior: Annotated[
        bool, typer.Option("--prior/--no-prior", help="Start from an interpolation between the painted slices.")
    ] = True

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "preset": self.preset}

    def options(self) -> dict[str, Any]:
        """Those of ``Propagator.propagate``."""
        return {"context_size": self.context_size, "prior": self.prior}
