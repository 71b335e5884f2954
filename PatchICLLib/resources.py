"""Where the bundled files lie: in a checkout beside the package, in an installed package inside it."""

from pathlib import Path

from PatchICLLib.errors import PatchICLError

PACKAGE = Path(__file__).resolve().parent


class ResourceError(PatchICLError):
    """A file that ships with the product is not where it belongs: the installation is incomplete."""


def resources_directory() -> Path:
    """The folder that holds `Protocol`, `SampleData` and `Weights`.

    Raises:
        ResourceError: neither the package nor the checkout around it has such a folder.
    """
    # An installed package goes first: beside it lies whatever else is installed.
    candidates = (PACKAGE / "Resources", PACKAGE.parent / "Resources")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ResourceError(
        f"The Resources folder of PatchICL is missing (looked in {candidates[0]} and {candidates[1]}): "
        "install the package again, or use a complete checkout."
    )


def resource_path(relative: str | Path) -> Path:
    """The path of one bundled file or folder.

    Args:
        relative: below the Resources folder, for instance `"SampleData/labels.json"`.

    Raises:
        ResourceError: it does not exist.
    """
    path = resources_directory() / relative
    if not path.exists():
        raise ResourceError(f"{path} is missing from this installation of PatchICL: install the package again.")
    return path
