"""Files that are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.images import read_scalar_image


@pytest.fixture
def sentence(capfd: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """What is said of a file that is refused; nothing else is printed."""

    def said(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            read_scalar_image(path)
        message = str(caught.value)
        assert "\n" not in message and "0x" not in message and len(message) < 700
        assert capfd.readouterr() == ("", "")
        return message

    return said
