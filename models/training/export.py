"""Writes the network as ONNX: 8-bit matrices and table, one input, one output.

The usual dynamic quantisation scales a matrix's input by the largest number of the whole batch, so
that a score would depend on what happens to be scored beside it. Here each token has a scale of its
own: a text scores the same alone and in company, and one loud token costs no other its digits.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

TABLE_ROWS = 1500  # a Gather over more rows than this is an embedding table
# Seven bits of a weight, for without VNNI the sum of two 8-bit products overflows its 16 bits.
WEIGHT_MAX, INPUT_MAX, MIDDLE = 63, 127, 128


def export(net, path: Path):
    plain = path.with_suffix(".fp32.onnx")
    traced(net, plain)
    quantise(plain, path)
    plain.unlink()


def traced(net, plain: Path):
    net.eval()
    ids = torch.randint(4, 1000, (2, 16), dtype=torch.int32)
    torch.onnx.export(
        net, (ids,), str(plain), input_names=["ids"], output_names=["p"], opset_version=17,
        dynamic_axes={"ids": {0: "batch", 1: "seq"}, "p": {0: "batch"}}, dynamo=False,
    )  # fmt: skip


def quantise(source: Path, target: Path):
    model = onnx.load(str(source))
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    small = Small(graph)
    nodes = []
    for node in graph.node:
        place = {"Gather": 0, "MatMul": 1}.get(node.op_type)
        tensor = None if place is None else stored.get(node.input[place])
        if tensor is None or len(tensor.dims) != 2:
            nodes.append(node)
        elif node.op_type == "MatMul":
            nodes += small.matrix(node, tensor)
        elif tensor.dims[0] >= TABLE_ROWS:
            nodes += small.table(node, tensor)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


class Small:
    """Replaces tensors of floats by tensors of bytes and the nodes that read them."""

    def __init__(self, graph):
        self.graph = graph
        self.keep("input.max", np.array(INPUT_MAX, np.float32))
        self.keep("middle.f", np.array(MIDDLE, np.float32))
        self.keep("middle.q", np.array(MIDDLE, np.uint8))
        # A token of nothing but zeros must not divide by zero.
        self.keep("least", np.array(1e-9, np.float32))

    def keep(self, name: str, values: np.ndarray) -> str:
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def bytes_of(self, tensor, axis: int, most: int) -> tuple[str, str]:
        """The tensor in whole numbers up to `most`, and its scales along `axis`."""
        values = numpy_helper.to_array(tensor)
        scale = np.abs(values).max(axis, keepdims=True) / most
        scale[scale == 0] = 1
        whole = np.clip(np.rint(values / scale), -most, most).astype(np.int8)
        self.graph.initializer.remove(tensor)
        names = f"{tensor.name}.q", f"{tensor.name}.s"
        return self.keep(names[0], whole), self.keep(names[1], scale.astype(np.float32))

    def table(self, node, tensor) -> list:
        """Row by row: Gather, Cast, Mul by the row's own scale."""
        whole, scale = self.bytes_of(tensor, 1, 127)
        ids, out = node.input[1], node.output[0]
        return [
            helper.make_node("Gather", [whole, ids], [f"{out}.q"]),
            helper.make_node("Cast", [f"{out}.q"], [f"{out}.f"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [scale, ids], [f"{out}.s"]),
            helper.make_node("Mul", [f"{out}.f", f"{out}.s"], [out]),
        ]

    def matrix(self, node, tensor) -> list:
        """Each token by its own scale, each column of the matrix by its own."""
        whole, columns = self.bytes_of(tensor, 0, WEIGHT_MAX)
        x, out = node.input[0], node.output[0]
        step = lambda op, inputs, end, **more: helper.make_node(op, inputs, [f"{out}.{end}"], **more)
        at = lambda end: f"{out}.{end}"
        return [
            step("Abs", [x], "abs"),
            step("ReduceMax", [at("abs")], "most", axes=[-1], keepdims=1),
            step("Max", [at("most"), "least"], "some"),
            step("Div", [at("some"), "input.max"], "scale"),
            step("Div", [x, at("scale")], "scaled"),
            step("Round", [at("scaled")], "round"),
            step("Add", [at("round"), "middle.f"], "moved"),
            step("Cast", [at("moved")], "q", to=TensorProto.UINT8),
            step("MatMulInteger", [at("q"), whole, "middle.q"], "sum"),
            step("Cast", [at("sum")], "float", to=TensorProto.FLOAT),
            step("Mul", [at("float"), at("scale")], "token"),
            helper.make_node("Mul", [at("token"), columns], [out]),
        ]
