"""Runs models of the Caffe2 dialect: what Caffe2 on QNNPACK computes for each Int8 operator, in plain numpy.

    outputs = Interpreter(model, arithmetic="pytorch").run([array, ...])

`arithmetic` says how sums are brought back to 8 bits: "caffe2" with a multiplier of 31 bits in whole numbers, as
Caffe2 does; "pytorch" with a float32 multiplier and halves to even, as PyTorch 1.13's QNNPACK does.  Everything else is
the same.  What Caffe2 refuses, and what has no meaning (an operator of plain ONNX on an Int8 edge), raises Refused.
Plain ONNX nodes run in ONNX Runtime, each on its own.
"""
import dataclasses

import numpy as np
import onnx
import onnxruntime as ort

INT8 = "org.pytorch._caffe2"


class Refused(Exception):
    """The model cannot run, or no meaning is known for it."""


@dataclasses.dataclass
class Int8Tensor:
    data: np.ndarray  # uint8; int32 for biases
    scale: np.float32
    zero_point: int

    def same(self, other):
        return (self.scale, self.zero_point) == (other.scale, other.zero_point)

    def steps(self):
        return self.data.astype(np.int64) - self.zero_point

    def with_data(self, data):
        return Int8Tensor(data, self.scale, self.zero_point)


def need(condition, text):
    if not condition:
        raise Refused(text)


def clamped(values, zero_point, low=0):
    return np.clip(values + zero_point, low, 255).astype(np.uint8)


def significand_and_exponent(scale):
    bits = int(np.float32(scale).view(np.int32))
    return (bits & 0x7FFFFF) | 0x800000, (bits >> 23) & 0xFF


def shifted(values, shift):
    """values / 2^shift to nearest, halves away from zero; `values` are already the sign's own."""
    mask = (1 << shift) - 1
    return (values >> shift) + (((values & mask) - (values < 0)) > (mask >> 1))


def requantized(acc, scale, zero_point, low, arithmetic):
    """The result of a convolution or matrix product from its sums."""
    need(2.0 ** -32 <= scale < 1, "a requantization scale of %g" % scale)
    if arithmetic == "pytorch":
        return clamped(np.rint(acc.astype(np.float32) * np.float32(scale)).astype(np.int64), zero_point, low)
    significand, exponent = significand_and_exponent(scale)
    product = (acc * (significand << 7) + (1 << 30)) >> 31
    shift = 126 - exponent
    mask = (1 << shift) - 1
    rounded = (product >> shift) + (((product & mask) - (acc < 0)) > (mask >> 1))
    return clamped(rounded, zero_point, low)


def windows(x, kernel, strides, pads, dilations, fill):
    """N x H x W x C -> N x OH x OW x KH x KW x C"""
    x = np.pad(x, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    need(all(size >= r for size, r in zip(x.shape[1:3], reach)), "a window larger than the image")
    out = [(size - r) // s + 1 for size, r, s in zip(x.shape[1:3], reach, strides)]
    n, h, w, c = x.strides
    shape = (x.shape[0], *out, *kernel, x.shape[3])
    steps = (n, h * strides[0], w * strides[1], h * dilations[0], w * dilations[1], c)
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


class Interpreter:
    def __init__(self, model, arithmetic="pytorch"):
        assert arithmetic in ("pytorch", "caffe2")
        self.model, self.arithmetic = model, arithmetic
        self.last_dequantized = None  # the operand of the last Int8Dequantize
        self.values = {}  # by name, after a run

    def run(self, inputs):
        graph = self.model.graph
        values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        names = [i.name for i in graph.input if i.name not in values]
        need(len(names) == len(inputs), "the graph's inputs are %s" % names)
        values.update(zip(names, inputs))
        values[""] = None
        self.values = values
        for node in graph.node:
            arguments = [values[name] for name in node.input]
            if node.domain == INT8:
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                values[node.output[0]] = self.int8(node.op_type, arguments, attributes)
            else:
                need(not any(isinstance(a, Int8Tensor) for a in arguments),
                     "%s %s on an Int8 edge" % (node.domain or "ONNX", node.op_type))
                values.update(zip(node.output, self.plain(node, arguments)))
        return [values[o.name] for o in graph.output]

    def plain(self, node, arguments):
        """A node of ONNX's own, through ONNX Runtime."""
        given = {name: np.asarray(a) for name, a in zip(node.input, arguments) if name}
        info = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
                for name, a in given.items()]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", info, outputs)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 9)], ir_version=4)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, given)

    def int8(self, op, arguments, attributes):
        method = getattr(self, "op_" + op, None)
        need(method, "no operator %s" % op)
        self.scale = np.float32(attributes.get("Y_scale", 1.0))
        self.zero_point = int(attributes.get("Y_zero_point", 0))
        for argument in arguments[:1]:
            need(op == "Int8Quantize" or isinstance(argument, Int8Tensor), "%s of a float tensor" % op)
        return method(*arguments, **{k: v for k, v in attributes.items() if k not in ("Y_scale", "Y_zero_point")})

    def result(self, data):
        return Int8Tensor(data, self.scale, self.zero_point)

    def need_same(self, x):
        need((self.scale, self.zero_point) == (x.scale, x.zero_point), "another scale or zero point than the input's")

    # ---- Between reals and integers ----

    def op_Int8Quantize(self, x):
        if self.arithmetic == "pytorch":
            steps = x.astype(np.float32) * (np.float32(1) / self.scale)
        else:
            steps = x.astype(np.float32) / self.scale
        return self.result(clamped(np.rint(np.clip(steps, -2.0 ** 30, 2.0 ** 30)).astype(np.int64), self.zero_point))

    def op_Int8Dequantize(self, x):
        self.last_dequantized = x
        return x.steps().astype(np.float32) * x.scale

    def op_Int8GivenTensorFill(self, shape, values):
        return self.result(np.frombuffer(values, np.uint8).reshape(shape))

    def op_Int8GivenIntTensorFill(self, shape, values):
        return self.result(np.array(values, np.int32).reshape(shape))

    # ---- Layers ----

    def op_Int8Conv(self, x, w, b, strides, pads, dilations, kernels, group, order, low=0):
        need(order == b"NHWC" and x.data.ndim == 4, "a convolution that is not N x H x W x C")
        outputs, height, width, channels = w.data.shape
        need(list(kernels) == [height, width], "kernels that are not the weight's")
        need(x.data.shape[3] == channels * group and outputs % group == 0, "channels and groups do not fit")
        need(b.zero_point == 0 and b.data.shape == (outputs,), "a bias that does not fit")
        over = windows(x.steps().astype(np.float64), kernels, strides, pads, dilations, 0)
        weight = w.steps().astype(np.float64)
        per = outputs // group
        if channels == per == 1:
            sums = np.einsum("nhwyxc,cyx->nhwc", over, weight[..., 0])
        else:
            sums = np.concatenate([np.tensordot(over[..., g * channels:(g + 1) * channels], weight[g * per:(g + 1) * per],
                                                ([3, 4, 5], [1, 2, 3])) for g in range(group)], -1)
        acc = sums.astype(np.int64) + b.data
        return self.result(requantized(acc, self.multiplier(x, w), self.zero_point, low, self.arithmetic))

    def op_Int8ConvRelu(self, x, w, b, **attributes):
        return self.op_Int8Conv(x, w, b, low=self.zero_point, **attributes)

    def op_Int8FC(self, x, w, b):
        rows = x.data.shape[0]
        features = int(np.prod(x.data.shape[1:]))
        need(w.data.ndim == 2 and w.data.shape[1] == features, "a matrix product whose sizes do not fit")
        acc = x.steps().reshape(rows, features) @ w.steps().T + b.data
        return self.result(requantized(acc, self.multiplier(x, w), self.zero_point, 0, self.arithmetic))

    def multiplier(self, x, w):
        if self.arithmetic == "pytorch":
            return np.float32(np.float32(x.scale * w.scale) * np.float32(np.float32(1) / self.scale))
        return np.float32(np.float32(x.scale * w.scale) / self.scale)

    def op_Int8Add(self, a, b, low=0):
        need(a.data.shape == b.data.shape, "a sum of shapes %s and %s" % (a.data.shape, b.data.shape))
        ratios = [np.float32(v.scale / self.scale) for v in (a, b)]
        need(all(2.0 ** -14 <= r < 2.0 ** 8 for r in ratios), "a sum with ratios %s" % ratios)
        shift = 21 - int(np.floor(np.log2(max(ratios))))
        factors = [int(np.rint(float(r) * 2.0 ** shift)) for r in ratios]
        acc = factors[0] * a.steps() + factors[1] * b.steps()
        return self.result(clamped(shifted(acc, shift), self.zero_point, low))

    def op_Int8AddRelu(self, a, b):
        return self.op_Int8Add(a, b, low=self.zero_point)

    def op_Int8Relu(self, x):
        self.need_same(x)
        return x.with_data(np.maximum(x.data, x.zero_point).astype(np.uint8))

    def op_Int8Sigmoid(self, x):
        need(self.scale == np.float32(1 / 256) and self.zero_point == 0, "a sigmoid that is not in 1/256")
        real = np.arange(256, dtype=np.float32) - np.float32(x.zero_point)
        table = np.float32(256) / (np.float32(1) + np.exp(-(x.scale * real), dtype=np.float32))
        return self.result(np.rint(np.clip(table, 0, 255)).astype(np.uint8)[x.data])

    # ---- Windows ----

    def op_Int8MaxPool(self, x, kernel, strides, pads, order):
        need(order == b"NHWC" and kernel > 1, "a pool of one cell")
        self.need_same(x)
        over = windows(x.data.astype(np.int16), [kernel] * 2, self.pool_strides(strides), pads, (1, 1), -1)
        return x.with_data(over.max((3, 4)).astype(np.uint8))

    def op_Int8AveragePool(self, x, kernel, strides, pads, order):
        need(order == b"NHWC" and kernel > 1, "a pool of one cell")
        acc = windows(x.steps(), [kernel] * 2, self.pool_strides(strides), pads, (1, 1), 0).sum((3, 4))
        need(2.0 ** -8 <= x.scale / self.scale < 2.0 ** 8, "an average with that ratio of scales")
        scale = np.float32(x.scale / np.float32(self.scale * np.float32(kernel * kernel)))
        if self.arithmetic == "pytorch":
            return self.result(clamped(np.rint(acc.astype(np.float32) * scale).astype(np.int64), self.zero_point))
        significand, exponent = significand_and_exponent(scale)
        shift = 150 - exponent
        rounded = np.sign(acc) * ((np.abs(acc) * significand + (1 << (shift - 1))) >> shift)
        return self.result(clamped(rounded, self.zero_point))

    @staticmethod
    def pool_strides(strides):
        return list(strides) or [1, 1]

    def op_Int8ResizeNearest(self, x, output_size=None, height_scale=1.0, width_scale=1.0, order=b"NHWC"):
        self.need_same(x)
        height, width = x.data.shape[1:3]
        factors = (height_scale, width_scale)
        if output_size is not None:
            factors = (output_size[0] // height, output_size[1] // width)
        index = []
        for size, factor in zip((height, width), factors):
            wanted = int(size * factor)
            index.append(np.minimum((np.arange(wanted) / (factor or 1)).astype(int), size - 1))
        return x.with_data(x.data[:, index[0]][:, :, index[1]])

    # ---- Movement ----

    def op_Int8Reshape(self, x, shape):
        self.need_same(x)
        sizes = [x.data.shape[i] if s == 0 else s for i, s in enumerate(shape.tolist())]
        fixed = int(np.prod([s for s in sizes if s != -1]))
        need(sizes.count(-1) <= 1 and (x.data.size % fixed == 0 if -1 in sizes else x.data.size == fixed),
             "a reshape of %s to %s" % (x.data.shape, sizes))
        return x.with_data(x.data.reshape(sizes))

    def op_Int8Slice(self, x, dim, start_idx, end_idx):
        self.need_same(x)
        need(0 <= dim < x.data.ndim, "a slice of dimension %d" % dim)
        size = x.data.shape[dim]
        start, end = (size + 1 + i if i < 0 else min(i, size) for i in (start_idx, end_idx))
        need(start <= end, "a slice that starts behind its end")
        return x.with_data(np.take(x.data, np.arange(start, end), dim))

    def op_Int8Concat(self, *operands, axis=0):
        self.need_same(operands[0])
        need(0 <= axis < operands[0].data.ndim, "a concatenation along dimension %d" % axis)
        for other in operands:
            need(other.data.ndim == operands[0].data.ndim and
                 all(i == axis or a == b for i, (a, b) in enumerate(zip(other.data.shape, operands[0].data.shape))),
                 "a concatenation of shapes that do not fit")
        return self.result(np.concatenate([o.data for o in operands], axis))

    def op_Int8Transpose(self, x, axes):
        self.need_same(x)
        return x.with_data(np.ascontiguousarray(x.data.transpose(axes)))
