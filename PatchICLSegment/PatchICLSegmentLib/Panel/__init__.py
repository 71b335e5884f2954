"""The panel and the effect: widgets, clicks and keys. The only package of this module that knows qt and ctk."""

from .EffectOptions import EffectOptions
from .Panel import Panel

__all__ = ["EffectOptions", "Panel"]
