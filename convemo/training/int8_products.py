"""Matrix products in int8 arithmetic, for transformers: four times as fast as float32 and nearly the same answers.

A product ``x W`` of activations ``x`` (T, I) and a weight ``W`` (I, O) becomes

    x W  ≈  s_x s_W · (⌊x̂ / s_x⌉ · Ŵ)  +  x_k W_k

`Ŵ` is the weight in int8 with one scale a column, ``⌊x̂ / s_x⌉`` are the activations in uint8 with one scale a sentence, found as it is
read. What a transformer loses in int8 it loses by a few channels of ``x`` that are ten or twenty times as large as the rest, always the
same ones, so that the one scale leaves the others a handful of steps (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339). They are
found on example sentences, and those `KEPT` channels ``x_k`` are multiplied in float32: a sliver of the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convemo.training.export_onnx import int8_tensors, looked_up, save, session

if TYPE_CHECKING:
    import onnx

KEPT = 16
"""Channels of an activation that stay in float32."""
OUTLYING = 3.0
"""Only where the largest channel is this many times as large as the median one."""
STEPS = 64
"""Weights take seven of the eight bits: processors without VNNI add pairs of products in 16 bits, which two products of full size
overflow (255 · 64 · 2 < 2¹⁵; https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). So every processor gives the
same answer."""
LEAST_ELEMENTS = 4096
"""Smaller weights stay in float32."""


@dataclass
class _Graph:
    """A graph being rewritten: the nodes and tensors of the new one."""

    weights: Mapping[str, onnx.TensorProto]
    loud: Mapping[str, np.ndarray]
    """Activation → which of its channels stay in float32, ``(I,)`` booleans."""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)
    quantised: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Activation → its name in uint8, its scale and its zero point, so that what several products share is quantised once."""

    def add(self, kind: str, inputs: Iterable[str], *outputs: str, **attributes: object) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=f"{outputs[0]}/{kind}", **attributes))

    def constant(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.tensors[name] = numpy_helper.from_array(values, name)
        return name


def quantize_products(source: Path, target: Path, examples: Iterable[Mapping[str, np.ndarray]]) -> None:
    """Rewrites the matrix products of a float32 network as above, and its embedding tables as int8 with one scale a row.

    Activations get their scale from all that is read at once: give such a network one sentence at a time, and its answer does not
    depend on the others.

    Args:
        source: the float32 file.
        target: the file to write.
        examples: inputs by name, some dozens as the network will meet them: on these its loud channels are found.
    """
    import onnx

    model = onnx.load(str(source))
    weights = {w.name: w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT and np.prod(w.dims) >= LEAST_ELEMENTS}
    products = [node for node in model.graph.node if _is_product(node, weights)]
    graph = _Graph(weights, _loud_channels(model, list(dict.fromkeys(node.input[0] for node in products)), examples))
    biased = _biases(model.graph)
    late: dict[str, str] = {}  # output of a product → what is to be added behind its bias
    for node in model.graph.node:
        if _is_product(node, weights):
            exact = _product(graph, node)
            if exact and node.output[0] in biased:
                late[node.output[0]] = exact  # so that onnxruntime takes product, scales and bias as one
            elif exact:
                graph.nodes[-1].output[0] += ".int8"
                graph.add("Add", (graph.nodes[-1].output[0], exact), node.output[0])
        elif node.op_type == "Gather" and node.input[0] in weights:
            graph.tensors |= {t.name: t for t in int8_tensors(weights[node.input[0]], axis=1)}
            graph.nodes += looked_up(node.input[0], node)
        elif exact := next((late.pop(name) for name in node.input if name in late), None):
            result = node.output[0]
            node.output[0] += ".int8"
            graph.nodes.append(node)
            graph.add("Add", (node.output[0], exact), result)
        else:
            graph.nodes.append(node)
    save(model, graph.nodes, graph.tensors.values(), target)


def _is_product(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type == "MatMul" and node.input[1] in weights and len(weights[node.input[1]].dims) == 2


def _biases(graph: onnx.GraphProto) -> set[str]:
    """Results that are read once, by the addition of a constant."""
    constants = {w.name for w in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return {
        name for name, found in readers.items() if len(found) == 1 and found[0].op_type == "Add" and constants.intersection(found[0].input)
    }


def _loud_channels(model: onnx.ModelProto, activations: list[str], examples: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Activation → which of its channels outlie, where some do."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in activations)
    network = session(watched.SerializeToString())
    largest: dict[str, np.ndarray] = {}
    for example in examples:
        for name, values in zip(activations, network.run(activations, dict(example))):
            found = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)  # (I,)
            largest[name] = np.maximum(largest.get(name, found), found)
    return {
        name: found >= np.sort(found)[-KEPT]
        for name, found in largest.items()
        if len(found) > 2 * KEPT and found.max() > OUTLYING * np.median(found)
    }


def _product(graph: _Graph, node: onnx.NodeProto) -> str | None:
    """Writes one product in int8; the name of the float32 part that is still to be added, if there is one."""
    from onnx import TensorProto, numpy_helper

    activation, weight = node.input
    result = node.output[0]
    graph.tensors |= {t.name: t for t in int8_tensors(graph.weights[weight], axis=0, steps=STEPS, flat=True)}
    if activation not in graph.quantised:
        graph.quantised[activation] = _quantised(graph, activation)
    values, scale, zero = graph.quantised[activation]
    exact = None
    if activation in graph.loud:
        kept = numpy_helper.to_array(graph.weights[weight])[graph.loud[activation]]  # (k, O)
        exact = f"{result}.exact"
        graph.add("MatMul", (f"{activation}.loud", graph.constant(f"{weight}.loud", kept)), exact)
    graph.add("MatMulInteger", (values, f"{weight}.int8", zero), f"{result}.sum")
    graph.add("Cast", (f"{result}.sum",), f"{result}.cast", to=TensorProto.FLOAT)
    graph.add("Mul", (scale, f"{weight}.scale"), f"{result}.scale")
    graph.add("Mul", (f"{result}.cast", f"{result}.scale"), result)
    return exact


def _quantised(graph: _Graph, activation: str) -> tuple[str, str, str]:
    """Quantises an activation, its loud channels set apart and put to zero."""
    quiet = activation
    if activation in graph.loud:
        loud = graph.loud[activation]
        quiet = f"{activation}.quiet"
        graph.add("Gather", (activation, graph.constant(f"{activation}.channels", np.flatnonzero(loud))), f"{activation}.loud", axis=-1)
        graph.add("Mul", (activation, graph.constant(f"{activation}.mask", (~loud).astype(np.float32))), quiet)
    names = (f"{activation}.uint8", f"{activation}.step", f"{activation}.zero")
    graph.add("DynamicQuantizeLinear", (quiet,), *names)
    return names
