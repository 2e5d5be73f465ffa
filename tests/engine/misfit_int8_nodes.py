"""Nodes of the Caffe2 dialect, whole ones and ones that do not fit.  No other program judges them: they may not crash."""
import copy

import numpy as np
import onnx
from onnx import TensorProto, helper

import misfit_nodes

DOMAIN = "org.pytorch._caffe2"
Q = {"Y_scale": 0.5, "Y_zero_point": 3}
IMAGE = {"order": "NHWC", **Q}


def table():
    """(operator, shapes of quantized inputs, of weights, of the bias, attributes)"""
    return [
        ("Int8Conv", [(1, 5, 5, 4)], (4, 3, 3, 2), 4, {"kernels": [3, 3], "strides": [1, 2], "pads": [1, 1, 1, 1], "group": 2, **IMAGE}),
        ("Int8ConvRelu", [(1, 5, 5, 2)], (3, 1, 1, 2), 3, {"kernel": 1, **IMAGE}),
        ("Int8FC", [(2, 6)], (4, 6), 4, Q),
        ("Int8Add", [(2, 3), (2, 3)], None, None, Q),
        ("Int8AddRelu", [(2, 3), (2, 3)], None, None, Q),
        ("Int8Relu", [(2, 3)], None, None, Q),
        ("Int8Sigmoid", [(2, 3)], None, None, {"Y_scale": 1 / 256, "Y_zero_point": 0}),
        ("Int8MaxPool", [(1, 5, 5, 2)], None, None, {"kernels": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], **IMAGE}),
        ("Int8AveragePool", [(1, 5, 5, 2)], None, None, {"kernels": [2, 2], "strides": [2, 2], **IMAGE}),
        ("Int8ResizeNearest", [(1, 3, 3, 2)], None, None, {"output_size": [6, 9], **IMAGE}),
        ("Int8ResizeNearest", [(1, 3, 3, 2)], None, None, {"height_scale": 2.0, "width_scale": 3.0, **IMAGE}),
        ("Int8Transpose", [(1, 2, 3, 4)], None, None, {"axes": [0, 3, 1, 2], **Q}),
        ("Int8Reshape", [(2, 6)], None, None, {"shape": [3, -1], **Q}),
        ("Int8Flatten", [(2, 3, 4)], None, None, {"axis": 1, **Q}),
        ("Int8Slice", [(4, 3)], None, None, {"dim": 0, "start_idx": 1, "end_idx": -2, **Q}),
        ("Int8Concat", [(2, 3), (2, 3)], None, None, {"axis": 1, **Q}),
        ("Int8Dequantize", [(2, 3)], None, None, {}),
    ]


def draw(rng):
    """A model and its inputs, with what has been changed."""
    rows = table()
    op, shapes, weight, bias, attributes = copy.deepcopy(rows[rng.integers(len(rows))])
    node = misfit_nodes.Node(op, [misfit_nodes.f(*shape) for shape in shapes], attributes)
    fill = {"shape": list(weight or []), "size": int(np.prod(weight or [0])), "bias": [bias or 0], "values": bias or 0}
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        way = rng.integers(6)
        if way < 2:
            misfit_nodes.change_attribute(node, rng)
        elif way == 2:
            misfit_nodes.change_shape(node, rng)
        elif way == 3:
            misfit_nodes.change_count(node, rng)
        elif weight:
            name = str(rng.choice(["shape", "bias"]))
            if fill[name] and rng.integers(3):
                fill[name][rng.integers(len(fill[name]))] = misfit_nodes.INTEGERS[rng.integers(len(misfit_nodes.INTEGERS))]
            else:
                fill[name] = fill[name][:-1] if rng.integers(2) else fill[name] + [1]
            if rng.integers(2):  # as many values as the shape says
                product = int(np.prod(np.array(fill[name], object))) if fill[name] else 1
                if 0 <= product < 1000:
                    fill["size" if name == "shape" else "values"] = product
            node.changes.append("filled %s" % fill)
    return write(node, weight, bias, fill)


def write(node, weight, bias, fill):
    nodes, infos, feeds, names = [], [], {}, []
    for k, x in enumerate(node.inputs):
        if x is None:
            names.append("")
            continue
        infos.append(helper.make_tensor_value_info("x%d" % k, TensorProto.FLOAT, list(np.shape(x))))
        feeds["x%d" % k] = np.asarray(x)
        nodes.append(helper.make_node("Int8Quantize", ["x%d" % k], ["q%d" % k], domain=DOMAIN, **Q))
        names.append("q%d" % k)
    if weight is not None:
        nodes.append(helper.make_node("Int8GivenTensorFill", [], ["w"], domain=DOMAIN, shape=fill["shape"], Y_scale=0.25,
                                      Y_zero_point=120, values=bytes(k * 37 % 251 for k in range(fill["size"]))))
        nodes.append(helper.make_node("Int8GivenIntTensorFill", [], ["b"], domain=DOMAIN, shape=fill["bias"], Y_scale=0.125,
                                      Y_zero_point=0, values=list(range(fill["values"]))))
        names[1:1] = ["w", "b"]
    outputs = ["y%d" % k for k in range(node.outputs)]
    nodes.append(helper.make_node(node.op, names, outputs, name="node", domain=DOMAIN, **node.attributes))
    last = outputs
    if outputs and node.op != "Int8Dequantize":
        nodes.append(helper.make_node("Int8Dequantize", [outputs[0]], ["z"], domain=DOMAIN))
        last = ["z"]
    infos.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1]))
    feeds["unused"] = np.zeros(1, np.float32)
    nodes.append(helper.make_node("Identity", ["unused"], ["same"]))
    graph = helper.make_graph(nodes, "g", infos, [onnx.ValueInfoProto(name=name) for name in last + ["same"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9), helper.make_opsetid(DOMAIN, 1)])
    return node, model, feeds
