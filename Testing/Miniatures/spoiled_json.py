"""Content of a JSON file of which one part is missing or something else."""

import copy
from typing import Any

from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def holder_of(value: Any, place: tuple[Any, ...]) -> tuple[Any, Any]:
    """What holds the part at a place, and by which key."""
    *above, last = place
    for key in above:
        value = value[key]
    return value, last


@st.composite
def spoiled(draw: st.DrawFn, content: Any, wrong: st.SearchStrategy[Any] = ANYTHING) -> Any:
    """The content with one part removed, or with something of ``wrong`` in its place."""
    content = copy.deepcopy(content)
    holder, last = holder_of(content, draw(st.sampled_from(places(content)[1:])))
    if draw(st.booleans()):
        holder[last] = draw(wrong)
    else:
        del holder[last]
    return content
