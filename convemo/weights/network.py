"""Networks that hear a whole recording, on ONNX Runtime: one thread each, and no memory kept from one call to the next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convemo.errors import EngineUnavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_network(path: Path) -> InferenceSession:
    """The network in an ONNX file.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnavailable("onnxruntime", str(error), "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest block for ever
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
