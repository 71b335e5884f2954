"""A pretended device: tensors whose values are in the host's memory, but which behave as if they were not.

Code that runs on it computes what it computes on the CPU. But whatever would make a real device wait, or would move
memory, fails where it stands, on any machine: values asked for (``float(tensor)``, ``if tensor``, ``.item()``,
``.tolist()``, ``.numpy()``), results whose size depends on values (``nonzero``, boolean masks as indices), and copies
to and from the host other than by the functions that are there for it, which are counted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from PatchICLLib.runtime.transfers import to_device, to_host

_aten = torch.ops.aten

# a device must tell the host a value, or how large the result is
_WAITING = {
    _aten._local_scalar_dense,
    _aten.equal,
    _aten.allclose,
    _aten.nonzero,
    _aten.masked_select,
    _aten._unique,
    _aten._unique2,
    _aten.unique_dim,
    _aten.unique_consecutive,
    _aten.unique_dim_consecutive,
    _aten.bincount,
    _aten._linalg_check_errors,
}
_INDEXING = {_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_, _aten._unsafe_index}
_COPIES = {_aten._to_copy, _aten.copy_, _aten.copy}
_WHOLE = {_aten.scaled_dot_product_attention}  # decomposes by the kind of device


class Impurity(AssertionError):
    """Something that would make a device wait, or move memory."""


class DevicePurity(TorchDispatchMode):
    """While entered, ``device`` works, and only ``uploads`` and ``downloads`` may move tensors to it and from it.

    Args:
        uploads: functions that may copy from the host to the device.
        downloads: functions that may copy from the device to the host.
        single: refuse double precision, which Apple's devices do not have.

    Attributes:
        device: the pretended device, to be handed to the code under test.
        moved: how often, by the name of the function, something was moved.
        operators: how many operators ran on the device, by full name, such as "add.Tensor".
    """

    def __init__(
        self,
        uploads: Sequence[Callable[..., Any]] = (to_device,),
        downloads: Sequence[Callable[..., Any]] = (to_host,),
        *,
        single: bool = False,
    ) -> None:
        super().__init__()
        self.device = torch.device("meta")  # known to every torch, and mixed with the CPU's as little as a card's
        self.single = single
        self.moved: Counter[str] = Counter()
        self.operators: Counter[str] = Counter()
        self._uploads = {function.__code__: function.__name__ for function in uploads}
        self._downloads = {function.__code__: function.__name__ for function in downloads}
        self._free = False

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Meanwhile everything may move: models are loaded, results are compared."""
        before, self._free = self._free, True
        try:
            yield
        finally:
            self._free = before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """One operator, on whatever holds its arguments."""
        packet = func.overloadpacket
        flat, _ = tree_flatten((args, kwargs))
        tensors = [value for value in flat if isinstance(value, torch.Tensor)]
        here = [tensor for tensor in tensors if isinstance(tensor, OnDevice)]
        wanted = next((value for value in flat if isinstance(value, torch.device)), None)
        for tensor in tensors:
            if not isinstance(tensor, OnDevice) and tensor.device.type == self.device.type:
                raise Impurity(f"{func}: a tensor was copied to {self.device} value by value when it was made")
        if not here and (wanted is None or wanted.type != self.device.type):
            return func(*args, **kwargs)
        if packet not in _WHOLE and func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd):
            with self:
                return func.decompose(*args, **kwargs)
        to_here = wanted is not None and wanted.type == self.device.type
        if packet in _COPIES:
            self._check_copy(func, args, to_here or (isinstance(args[0], OnDevice) and wanted is None))
        else:
            self._check(func, args, kwargs, tensors)
        self.operators[func._schema.name.removeprefix("aten::") + ("." + func._schema.overload_name).rstrip(".")] += 1
        held_args, held_kwargs = tree_map(_held, (args, kwargs))
        if to_here:
            held_kwargs["device"] = torch.device("cpu")
        result = func(*held_args, **held_kwargs)
        if func._schema.is_mutable:
            for argument, given in zip(func._schema.arguments, args, strict=False):
                if argument.alias_info is not None and argument.alias_info.is_write and isinstance(given, torch.Tensor):
                    return given
            written = [v for a in func._schema.arguments if a.is_out and (v := kwargs.get(a.name)) is not None]
            return written[0] if len(written) == 1 else tuple(written) if written else None
        if wanted is not None and not to_here:
            return result
        return tree_map(lambda value: self.put(value) if isinstance(value, torch.Tensor) else value, result)

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of the host's as one of the device's."""
        if self.single and tensor.dtype in (torch.float64, torch.complex128):
            raise Impurity(f"{tensor.dtype} on a device that has only single precision")
        with torch.inference_mode(False):  # so that views of what was made before inference can be made within
            return OnDevice(tensor, self)

    def _check_copy(self, func: Any, args: Any, to_here: bool) -> None:
        source = args[1] if func.overloadpacket is not _aten._to_copy else args[0]
        from_here = isinstance(source, OnDevice)
        if from_here == to_here or self._free:
            return
        if source.dim() == 0 and not from_here and func.overloadpacket is not _aten._to_copy:
            return  # a number, which goes with the operator
        allowed = self._uploads if to_here else self._downloads
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code in allowed:
                self.moved[allowed[frame.f_code]] += 1
                return
            frame = frame.f_back  # type: ignore[assignment]
        way = f"to {self.device}" if to_here else f"from {self.device}"
        raise Impurity(f"{func}: {tuple(source.shape)} copied {way} by none of {sorted(allowed.values())}")

    def _check(self, func: Any, args: Any, kwargs: dict[str, Any], tensors: list[torch.Tensor]) -> None:
        packet = func.overloadpacket
        if self._free:
            return
        if packet in _WAITING or (packet is _aten.repeat_interleave and kwargs.get("output_size") is None):
            raise Impurity(f"{func} waits for {self.device}")
        if packet in _INDEXING and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        ):
            raise Impurity(f"{func} with a mask waits for {self.device}: use torch.where or masked_fill")
        for tensor in tensors:
            if not isinstance(tensor, OnDevice) and (tensor.dim() > 0 or packet in _INDEXING):
                raise Impurity(f"{func} mixes {self.device} with {tuple(tensor.shape)} on the host")


class OnDevice(torch.Tensor):
    """A tensor of the pretended device."""

    held: torch.Tensor
    purity: DevicePurity

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: torch.Tensor, purity: DevicePurity) -> OnDevice:
        return torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined, no-any-return]
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=purity.device,
        )

    def __init__(self, held: torch.Tensor, purity: DevicePurity) -> None:
        self.held, self.purity = held, purity

    def __repr__(self, *args: Any, **kwargs: Any) -> str:  # type: ignore[override]
        return f"OnDevice({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        flat, _ = tree_flatten((args, kwargs or {}))
        purity = next(value.purity for value in flat if isinstance(value, OnDevice))
        return purity.run(func, args, kwargs or {})


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnDevice) else value
