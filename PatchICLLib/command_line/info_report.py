"""Collects what `patchicl info` shows."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.errors import WeightsError
from PatchICLLib.model_card import card_path
from PatchICLLib.outputs.companions import is_further
from PatchICLLib.resources import resource_path
from PatchICLLib.version import __version__
from PatchICLLib.weight_files import further_files
from PatchICLLib.weights import load_weights, sha256_of

_PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "pydicom", "safetensors", "typer", "rich", "matplotlib")


def collect() -> dict[str, Any]:
    """Versions, devices, memory (bytes) and weights, as plain JSON."""
    return {
        "patchicl": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "devices": _devices(),
        "memory_bytes": total_memory(),
        "weights": bundled_weights(),
    }


def bundled_weights(folder: Path | None = None) -> list[dict[str, Any]]:
    """Name, preset, sha256 of weights and model card (as they are), what is wrong with them, and measured figures.

    Args:
        folder: of the weights and their model cards; default those that ship with the product.
    """
    found = []
    folder = folder or resource_path("Weights")
    files = [path for kind in ("*.safetensors", "*.json") for path in folder.glob(kind) if not is_further(path)]
    names = {path.stem for path in files}
    for weights in (folder / f"{name}.safetensors" for name in sorted(names)):
        card: dict[str, Any] = {}
        problem = ""
        try:
            card = load_weights(weights).card
        except WeightsError as error:
            problem = str(error)
        path = card_path(weights)
        found.append(
            {
                "name": weights.stem,
                "preset": card.get("preset"),
                "sha256": sha256_of(weights) if weights.is_file() else None,
                "card_sha256": sha256_of(path) if path.is_file() else None,
                "intact": not problem,
                "problem": problem,
                "bytes": _bytes(weights) if weights.is_file() else None,
                "figures": card.get("figures", {}),
            }
        )
    return found


def _bytes(weights: Path) -> int:
    files = [weights, *further_files(weights)]
    return sum(path.stat().st_size for path in files if path.is_file())


def total_memory() -> int:
    """Bytes of physical memory of this machine."""
    if sys.platform == "win32":
        import ctypes

        class Status(ctypes.Structure):  # MEMORYSTATUSEX of sysinfoapi.h
            _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
                (name, ctypes.c_ulonglong) for name in ("total", *"abcdef")
            ]

        status = Status(length=ctypes.sizeof(Status))
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            raise ctypes.WinError()
        return status.total
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def print_facts(facts: dict[str, Any]) -> None:
    """Print the facts as two tables."""
    console = plain_console()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("PatchICL", Text(facts["patchicl"], style="bold"))
    table.add_row("Python", f"{facts['python']}  {facts['executable']}")
    table.add_row("Platform", facts["platform"])
    table.add_row("Packages", ", ".join(f"{name} {version}" for name, version in facts["packages"].items()))
    for position, device in enumerate(facts["devices"]):
        memory = f", {device['memory_bytes'] / 2**30:.1f} GiB" if device["memory_bytes"] else ""
        table.add_row("Devices" if position == 0 else "", f"{device['name']}: {device['description']}{memory}")
    table.add_row("Memory", f"{facts['memory_bytes'] / 2**30:.1f} GiB")
    console.print(table)
    for weights in facts["weights"]:
        _print_weights(console, weights)
    if not facts["weights"]:
        console.print("\nNo weights are bundled with this installation.")


def _print_weights(console: Console, weights: dict[str, Any]) -> None:
    size = f"{weights['bytes'] / 2**20:.1f} MiB" if weights["bytes"] else "no file"
    rest = f"  preset {weights['preset'] or 'unknown'}, {size}"
    console.print(Text.assemble("\nWeights ", (weights["name"], "bold"), rest))
    console.print(f"  sha256 {weights['sha256']}", soft_wrap=True)
    console.print(f"  sha256 of the model card {weights['card_sha256']}", soft_wrap=True)
    if weights["problem"]:
        console.print(Text(f"  {weights['problem']}", style="red"), soft_wrap=True)
    for name, value in weights["figures"].items():
        console.print(f"  {name.replace('_', ' ')}: {_plain(value)}", soft_wrap=True)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _devices() -> list[dict[str, Any]]:
    """What torch can compute on, the preferred one first."""
    import torch

    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        found.append(
            {"name": f"cuda:{index}", "description": properties.name, "memory_bytes": int(properties.total_memory)}
        )
    if torch.backends.mps.is_available():
        found.append({"name": "mps", "description": "Apple GPU", "memory_bytes": None})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    description = f"{cores} cores, {torch.get_num_threads()} threads"
    found.append({"name": "cpu", "description": description, "memory_bytes": None})
    return found
