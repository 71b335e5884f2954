"""The panel: widgets, clicks and keys. The only package of this module that knows qt and ctk."""

from .Panel import Panel

__all__ = ["Panel"]
