"""Outputs of an inference in process, as numpy and DLPack see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triton_lite import _native, device_tensors, tensors
from triton_lite.device_tensors import DeviceTensor


class OutputTensor:
    """One output: `to_numpy`, `numpy.asarray` and DLPack read the engine's own memory, which lives as long as they.

    On a GPU (`infer` with device_outputs) DLPack and `__cuda_array_interface__` do; for numpy it is copied to the host.
    """

    def __init__(self, datatype: str, shape: Sequence[int], data: memoryview | _native.DeviceMemory) -> None:
        self.datatype = datatype
        self.shape = tuple(shape)
        self._data = data

    @property
    def on_device(self) -> bool:
        """Whether it lies on a GPU."""
        return isinstance(self._data, _native.DeviceMemory)

    def _device_tensor(self) -> DeviceTensor | None:
        data = self._data
        return DeviceTensor(self.datatype, self.shape, data) if isinstance(data, _native.DeviceMemory) else None

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """View it as a read-only array of `shape` (BYTES: an object array of `bytes`)."""
        data = self._data
        return tensors.decode(
            self.datatype, self.shape, data.to_host() if isinstance(data, _native.DeviceMemory) else data
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        tensor = self._device_tensor()
        if tensor is None:
            raise AttributeError("the output does not lie on a GPU")
        return device_tensors.cuda_array_interface(tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.to_numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **arguments: Any) -> Any:
        """Export for `from_dlpack`; on the host copied only for consumers that know no read-only tensors."""
        tensor = self._device_tensor()
        if tensor is not None:
            wanted = arguments.get("dl_device")
            if arguments.get("copy") or (wanted is not None and wanted != device_tensors.dlpack_device(tensor)):
                raise BufferError("the output can only be had where it is, without a copy")
            return device_tensors.to_dlpack(tensor)
        array = self.to_numpy()
        try:
            return array.__dlpack__(**arguments)
        except BufferError:
            return array.copy().__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's type and number of the device that it lies on."""
        tensor = self._device_tensor()
        if tensor is not None:
            return device_tensors.dlpack_device(tensor)
        return self.to_numpy().__dlpack_device__()
