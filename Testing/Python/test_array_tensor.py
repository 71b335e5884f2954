"""Arrays become tensors whatever their strides, order of memory, byte order and type."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.array_tensor import array_tensor

OTHER_WAYS = {
    "torch.from_numpy",
    "torch.as_tensor",
    "torch.asarray",
    "torch.frombuffer",
    "torch.from_dlpack",
    "torch.Tensor",
}
TYPES = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">u4", "<i8", ">u8", "<f2", ">f4", "<f4", ">f8", "g"]


@st.composite
def views(draw: st.DrawFn) -> np.ndarray:
    """Views of arrays as slicing, mirroring, turning and cutting leave them."""
    shape = draw(st.lists(st.sampled_from([0, 1, 1, 2, 5]), min_size=0, max_size=4))
    array = np.arange(int(np.prod(shape))).reshape(shape, order=draw(st.sampled_from("CF"))) % 100
    array = array.astype(draw(st.sampled_from(TYPES)))
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    steps = [draw(st.sampled_from([None, -1, 2, -2])) for _ in range(array.ndim)]
    array = array[tuple(slice(None, None, step) for step in steps)]
    if array.ndim and array.shape[0]:
        first = draw(st.integers(0, array.shape[0] - 1))
        array = array[first : first + draw(st.sampled_from([1, 3]))]
    array.setflags(write=draw(st.booleans()))
    return array


@given(array=views(), dtype=st.sampled_from([bool, np.uint8, np.int64, np.float32, np.float64]))
def test_any_view_becomes_a_tensor_of_the_same_numbers(array: np.ndarray, dtype: type) -> None:
    seen = array_tensor(array, dtype)
    np.testing.assert_array_equal(seen.numpy(), np.array(array.tolist(), dtype).reshape(array.shape))
    assert seen.numpy().dtype == dtype


def test_a_mirrored_view_of_one_slice() -> None:
    mirrored = np.arange(12, dtype=np.float32).reshape(3, 2, 2)[::-1]
    last = np.ascontiguousarray(mirrored[2:])
    with pytest.raises(ValueError, match="negative"):  # numpy calls it contiguous, torch does not take it
        torch.from_numpy(last)
    assert array_tensor(last).tolist() == [[[0, 1], [2, 3]]]


def test_the_array_is_not_shared() -> None:
    array = np.zeros(3, np.float32)
    array_tensor(array)[0] = 1
    assert not array.any()


def is_made_of_numbers(node: ast.expr) -> bool:
    """Whether an expression is a list written out, a number, or a call of `float` or of `math`."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).split(".")[0] in ("float", "int", "math")
    return isinstance(node, ast.List | ast.ListComp | ast.Constant)


def test_no_other_place_makes_tensors_of_arrays(repository: Path) -> None:
    offenders = []
    for path in (repository / "PatchICLLib").rglob("*.py"):
        if path.name == "array_tensor.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name in OTHER_WAYS:
                offenders.append(f"{where} calls {name}")
            elif name == "torch.tensor" and not is_made_of_numbers(node.args[0]):
                offenders.append(f"{where} makes a tensor of what may be an array")
            elif isinstance(node, ast.ImportFrom) and node.module == "torch":
                wrong = {f"torch.{alias.name}" for alias in node.names} & {*OTHER_WAYS, "torch.tensor"} - {
                    "torch.Tensor"
                }
                offenders += [f"{where} imports {name}" for name in wrong]
    assert offenders == []
