from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from PatchICLLib.errors import InputError, WeightsError, WorkerError
from PatchICLLib.propagation.geometry.named_slices import named_planes
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.worker import messages

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.integers() | st.text(), inner)
        | st.frozensets(st.integers())
    ),
    max_leaves=10,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), values, max_size=3))
def test_options_survive_the_journey(options: dict[str, Any]) -> None:
    line = messages.encode({"type": "result", "options": messages.encode_options(options)})
    assert b"\n" not in line
    decoded = messages.decode(line)
    assert decoded is not None
    assert messages.decode_options(decoded["options"]) == options


slices = st.lists(st.integers(0, 999) | st.tuples(st.integers(0, 2), st.integers(0, 999)))


@given(named=slices | st.dictionaries(st.integers(1, 99), slices), as_arrays=st.booleans())
def test_slices_are_named_alike_on_either_side(named: Any, as_arrays: bool) -> None:
    def numpy_of(values: list[Any]) -> list[Any]:
        return [np.array(value) for value in values] if as_arrays else values

    sent = {k: numpy_of(v) for k, v in named.items()} if isinstance(named, dict) else numpy_of(named)
    encoded = messages.encode({"type": "result", "options": messages.encode_options({"painted_slices": sent})})
    decoded = messages.decode(encoded)
    assert decoded is not None
    received = messages.decode_options(decoded["options"])["painted_slices"]
    for label in range(1, 100):
        assert named_planes(received, label, (1000,) * 3, 1, "named") == named_planes(
            named, label, (1000,) * 3, 1, "named"
        )


def test_numpy_values_become_plain_ones() -> None:
    encoded = messages.encode_options({"axis": np.int64(2), "painted_slices": {np.int32(1): np.array([3, 4])}})
    assert messages.decode_options(encoded) == {"axis": 2, "painted_slices": {1: [3, 4]}}


def test_option_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(InputError, match="option axis .* type object"):
        messages.encode_options({"axis": object()})


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.int16, np.int32, np.uint64]),
        arrays.array_shapes(min_dims=2, max_dims=2, min_side=0),
    )
)
def test_progress_survives_the_journey(labels: np.ndarray) -> None:
    progress = Progress("propagating", 3, 7, 1.5, None, 4, labels.T)
    decoded = messages.decode(messages.encode({"type": "progress", "progress": messages.encode_progress(progress)}))
    assert decoded is not None
    again = messages.decode_progress(decoded["progress"], (7, *labels.T.shape))
    np.testing.assert_array_equal(again.slice_labels, labels.T)
    assert again.slice_labels.dtype == labels.dtype
    assert (again.stage, again.done, again.total, again.elapsed, again.remaining, again.slice_index) == (
        "propagating",
        3,
        7,
        1.5,
        None,
        4,
    )


def test_layer_of_progress_is_one_of_the_painting() -> None:
    progress = Progress("propagating", 3, 7, 1.5, None, 1, np.zeros((4, 5), np.uint8), layer=2)
    sent = messages.encode_progress(progress)
    assert messages.decode_progress(sent, (3, 6, 4, 5)).layer == 2
    for shape in ((2, 6, 4, 5), (6, 4, 5)):
        with pytest.raises(ValueError, match="layer"):
            messages.decode_progress(sent, shape)


@given(
    st.binary()
    | st.sampled_from([b"[1]", b"1", b'{"a": 1}', b'{"type": "dance"}', b'{"type": []}', b"NaN", b"[" * 100_000])
)
def test_anything_else_is_no_message(line: bytes) -> None:
    assert messages.decode(line) is None


def test_errors_keep_their_class() -> None:
    again = messages.decode_error(messages.encode_error(WeightsError("no such weights")))
    assert type(again) is WeightsError
    assert str(again) == "no such weights"
    assert type(messages.decode_error({"class": "SystemExit", "message": "no"})) is WorkerError
