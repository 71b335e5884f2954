"""`_()` for every visible string, also where Slicer's translation machinery is absent (slicer-core)."""

try:
    from slicer.i18n import tr as _
except ImportError:

    def _(text: str, context: str | None = None) -> str:
        return text


def counted(count: int, one: str, many: str) -> str:
    """The translated sentence that fits a number: `one` for 1, else `many`."""
    return one if count == 1 else many


__all__ = ["_", "counted"]
