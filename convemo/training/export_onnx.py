"""From torch to a small ONNX file: export, int8 weights, and the proof that little was lost on the way."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convemo.errors import EngineFailed

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    import torch

OPSET = 17
"""Read by every onnxruntime since 1.13."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the int8 network is from the one it was made of."""

    rows: int
    same_label: float
    """Share of rows with the same most probable label."""
    max_difference: float
    """Largest absolute difference of any output number."""
    mean_difference: float


def export_onnx(
    model: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    path: Path,
    dynamic: Mapping[str, Mapping[int, str]],
) -> None:
    """Traces a module into one ONNX file.

    Args:
        model: takes the inputs in order and gives a tensor or a tuple of them; put into eval mode here.
        inputs: name → an example; at least 2 long along every axis in `dynamic`, or the trace takes it for a constant.
        outputs: a name for each output.
        path: the file to write.
        dynamic: input or output name → {axis: name of the axis}, for the axes that may be of any length.
    """
    import torch

    model.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer warns of every Python condition it passes; whether the trace is right is what `parity` measures.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in dynamic.items()},
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )


def quantize_int8(source: Path, target: Path, operators: Sequence[str] = ("MatMul", "Gemm", "Gather"), exclude: Sequence[str] = ()) -> None:
    """Stores the weights of matrix products and embeddings as int8; activations are quantised as they come.

    One scale a column (per channel) and seven of the eight bits: the processors without VNNI add pairs of int8 products in 16 bits,
    which overflow with all eight (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "reduce range"), so the
    same file gives the same answers everywhere.

    Args:
        source: the float32 file.
        target: the file to write.
        operators: kinds of node to quantise; ``"Gather"`` is the embedding table. Convolutions lose most: leave them in float.
        exclude: names of nodes to leave in float.
    """
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    root_level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises a pre-processing step that changes nothing for traced transformers
    try:
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=list(operators),
            nodes_to_exclude=list(exclude),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": 1},
        )
    finally:
        logging.root.setLevel(root_level)


def store_weights_int8(source: Path, target: Path, least_elements: int = 4096) -> None:
    """Stores large weights as int8, and computes with them in float32: the size of int8 without the loss in the activations.

    Matrices get one scale a column and are widened when the network is loaded (a cast and a product of constants, which every
    onnxruntime folds); embedding tables get one scale a row and are widened a row at a time, as they are looked up. Dynamic
    quantisation (`quantize_int8`) is about twice as fast, but a transformer's activations have outliers that cost it labels
    (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339).

    Args:
        source: the float32 file.
        target: the file to write.
        least_elements: smaller weights stay in float32.
    """
    import onnx

    model = onnx.load(str(source))
    large = {w.name: w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT and np.prod(w.dims) >= least_elements}
    stored: dict[str, list[onnx.TensorProto]] = {}
    nodes: list[onnx.NodeProto] = []
    widening: list[onnx.NodeProto] = []
    for node in model.graph.node:
        name = next((n for n in node.input if n in large), "")
        if node.op_type == "Gather" and name == node.input[0]:
            stored.setdefault(name, int8_tensors(large[name], axis=1))
            nodes += looked_up(name, node)
            continue
        if node.op_type == "MatMul" and name == node.input[1] and len(large[name].dims) == 2 and name not in stored:
            stored[name] = int8_tensors(large[name], axis=0)
            widening += _widened(f"{name}.int8", f"{name}.scale", name)
        nodes.append(node)
    save(model, [*widening, *nodes], [tensor for pair in stored.values() for tensor in pair], target)


def save(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], tensors: Iterable[onnx.TensorProto], target: Path) -> None:
    """Writes a model with these nodes instead of its own, these tensors beside its own, and without those that nothing reads now."""
    import onnx

    read = {name for node in nodes for name in node.input}
    made = {name for node in nodes for name in node.output}
    kept = [w for w in model.graph.initializer if w.name in read - made]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*kept, *tensors])
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def int8_tensors(weight: onnx.TensorProto, axis: int, steps: int = 127, flat: bool = False) -> list[onnx.TensorProto]:
    """A matrix as int8 and the scales that give it back, as ``NAME.int8`` and ``NAME.scale``.

    Args:
        weight: a float32 matrix.
        axis: numbers along this axis share a scale, which makes the largest of them `steps`.
        steps: at most 127.
        flat: scales of one axis, instead of two.
    """
    from onnx import numpy_helper

    values = numpy_helper.to_array(weight)
    scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), np.finfo(np.float32).tiny) / np.float32(steps)
    quantised = np.round(values / scale).astype(np.int8)
    scale = scale.reshape(-1) if flat else scale
    return [numpy_helper.from_array(quantised, f"{weight.name}.int8"), numpy_helper.from_array(scale, f"{weight.name}.scale")]


def _widened(quantised: str, scale: str, result: str) -> list[onnx.NodeProto]:
    from onnx import TensorProto, helper

    cast = helper.make_node("Cast", [quantised], [f"{result}.cast"], name=f"{result}/Widen", to=TensorProto.FLOAT)
    return [cast, helper.make_node("Mul", [f"{result}.cast", scale], [result], name=f"{result}/Scale")]


def looked_up(table: str, gather: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The rows and their scales, looked up by the same indices, in place of a `gather` from the float32 table."""
    from onnx import helper

    result = gather.output[0]
    parts = [
        helper.make_node("Gather", [f"{table}.{part}", gather.input[1]], [f"{result}.{part}"], name=f"{result}/{part}", axis=0)
        for part in ("int8", "scale")
    ]
    return [*parts, *_widened(f"{result}.int8", f"{result}.scale", result)]


def session(network: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A network, ready to run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        network if isinstance(network, bytes) else str(network), options, providers=["CPUExecutionProvider"]
    )


def run_batches(path: Path, batches: Iterable[Mapping[str, np.ndarray]], output: str, threads: int = 1) -> np.ndarray:
    """One output of a network over many batches, ``(N, …)``."""
    network = session(path, threads)
    return np.concatenate([network.run([output], dict(batch))[0] for batch in batches])


def parity(before: Path, after: Path, batches: Sequence[Mapping[str, np.ndarray]], output: str = "log_probs", threads: int = 1) -> Parity:
    """Compares two networks on the same batches.

    Args:
        before: the float32 file.
        after: the int8 file.
        batches: inputs by name, ``(B, …)`` each; batches may differ in size and length.
        output: an output of shape ``(B, K)`` whose largest column is the label.
        threads: processor threads.
    """
    return compare(run_batches(before, batches, output, threads), run_batches(after, batches, output, threads))


def compare(before: np.ndarray, after: np.ndarray) -> Parity:
    """How far two ``(N, K)`` outputs are apart.

    >>> compare(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 0.5], [0.0, 1.0]])).same_label
    0.5
    """
    difference = np.abs(before.astype(np.float64) - after.astype(np.float64))
    return Parity(len(before), float((before.argmax(-1) == after.argmax(-1)).mean()), float(difference.max()), float(difference.mean()))


def require_parity(found: Parity, least_same_label: float) -> None:
    """Stops a release whose int8 file answers differently.

    Raises:
        EngineFailed: fewer rows than this share keep their label.
    """
    if found.same_label < least_same_label:
        raise EngineFailed(
            f"the int8 network to keep at least {least_same_label:.1%} of the labels",
            f"{found.same_label:.1%} of {found.rows} rows",
            "Exclude the nodes that lose most from quantisation, or ship the float32 file.",
        )
