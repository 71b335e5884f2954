"""`_()` for every visible string, also where Slicer's translation machinery is absent (slicer-core)."""

try:
    from slicer.i18n import tr as _
except ImportError:

    def _(text: str, context: str | None = None) -> str:
        return text


__all__ = ["_"]
