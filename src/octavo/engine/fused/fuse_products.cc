#include <algorithm>
#include <memory>
#include <utility>

#include "octavo/arithmetic/onnxruntime/blocks.h"
#include "octavo/engine/evaluate.h"
#include "octavo/engine/fused/pattern.h"
#include "octavo/engine/literal/blocks.h"
#include "octavo/targets/onnxruntime/requantize.h"
#include "octavo/targets/onnxruntime/softmax.h"

// What ONNX Runtime makes of MatMul, Gemm and Softmax next to DequantizeLinear, where it is not a layer with
// constant weights between two quantized tensors.

namespace octavo::engine::fused {
namespace {

namespace ort = targets::onnxruntime;

// The matrices of two operands whose other dimensions broadcast.
struct Matrices {
  std::int64_t rows = 1, depth = 1, columns = 1;
  std::vector<std::int64_t> a_begin,
      b_begin;  // for each matrix of the result, the first element of its operands

  std::int64_t count() const { return static_cast<std::int64_t>(a_begin.size()) * rows * columns; }
};

std::optional<Matrices> MatricesOf(Sizes a, Sizes b) {
  if (a.empty() || b.empty()) return std::nullopt;
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  const std::size_t rank = std::max(a.size(), b.size());
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  Matrices m = {
      .rows = a[rank - 2], .depth = a[rank - 1], .columns = b[rank - 1], .a_begin = {0}, .b_begin = {0}};
  if (b[rank - 2] != m.depth) return std::nullopt;
  std::int64_t a_size = m.rows * m.depth, b_size = m.depth * m.columns;
  for (std::size_t d = rank - 2; d-- > 0;) {
    if (a[d] != b[d] && a[d] != 1 && b[d] != 1) return std::nullopt;
    const std::int64_t size = std::max(a[d], b[d]);
    std::vector<std::int64_t> a_next, b_next;
    for (std::int64_t i = 0; i < size; ++i) {
      for (std::size_t k = 0; k < m.a_begin.size(); ++k) {
        a_next.push_back((a[d] == 1 ? 0 : i * a_size) + m.a_begin[k]);
        b_next.push_back((b[d] == 1 ? 0 : i * b_size) + m.b_begin[k]);
      }
    }
    a_size *= a[d];
    b_size *= b[d];
    m.a_begin = std::move(a_next);
    m.b_begin = std::move(b_next);
  }
  return m;
}

// f(sum, index in the result) for the sums of products of two tensors of bytes.
template <typename F>
void ForEachProduct(const Matrices& m, const std::uint8_t* a, const Quant& a_quant, const std::uint8_t* b,
                    const Quant& b_quant, F&& f) {
  std::vector<std::int32_t> sums(static_cast<std::size_t>(m.columns));
  std::int64_t at = 0;
  for (std::size_t i = 0; i < m.a_begin.size(); ++i) {
    for (std::int64_t r = 0; r < m.rows; ++r) {
      std::fill(sums.begin(), sums.end(), 0);
      for (std::int64_t d = 0; d < m.depth; ++d) {
        const std::int32_t left = a_quant.Integer(a[m.a_begin[i] + r * m.depth + d]) - a_quant.zero_point;
        const std::uint8_t* row = b + m.b_begin[i] + d * m.columns;
        for (std::size_t c = 0; c < sums.size(); ++c)
          sums[c] += left * (b_quant.Integer(row[c]) - b_quant.zero_point);
      }
      for (const std::int32_t sum : sums) f(sum, at++);
    }
  }
}

const std::uint8_t* AsBytes(const std::byte* bytes) { return reinterpret_cast<const std::uint8_t*>(bytes); }

// Weights as MatMulNBits has them: [columns, depth] with a scale per block of rows.
std::optional<literal::BlockedMatrix> BlocksOf(const Pattern& pattern, ir::ValueId value) {
  if (pattern.program().quantized.contains(value.index)) return pattern.BlockedWeightsOf(value, false);
  const ir::NodeId id = pattern.Producer(value);
  if (id == ir::kNoNode || !pattern.Private(value)) return std::nullopt;
  if (pattern.node(id).op == "Transpose") {
    const ir::ValueId from = InputsOf(pattern.node(id))[0];
    if (pattern.Ints(pattern.node(id), "perm", {1, 0}) != Sizes{1, 0} || !pattern.Private(from))
      return std::nullopt;
    return pattern.BlockedWeightsOf(from, true);
  }
  return pattern.BlockedWeightsOf(value, false);
}

bool IsDequantized(const Pattern& pattern, ir::ValueId value) {
  const ir::NodeId id = pattern.Producer(value);
  return id != ir::kNoNode && pattern.node(id).op.ends_with("DequantizeLinear");
}

// MatMulNBits of accuracy level 4: activations that are floats, or 16-bit integers.
std::optional<Group> FuseBlocks(const Pattern& pattern, ir::NodeId id) {
  const ir::Node& node = pattern.node(id);
  const auto inputs = InputsOf(node);
  const bool gemm = node.op == "Gemm";
  const auto x = pattern.EdgeOf(inputs[0]);
  const auto output = pattern.EdgeOf(node.outputs[0]);
  if (!x || !x->is_float || !output || !output->is_float || pattern.Constant(inputs[0]) != nullptr)
    return std::nullopt;
  auto matrix = BlocksOf(pattern, inputs[1]);
  if (!matrix || x->sizes.empty() || x->sizes.back() != matrix->depth || matrix->columns == 0 ||
      matrix->depth == 0)
    return std::nullopt;
  const bool has_bias = gemm && inputs.size() > 2;
  const auto bias = has_bias ? pattern.EdgeOf(inputs[2]) : std::nullopt;
  if (has_bias && (!bias || !bias->is_float || bias->sizes != Sizes{matrix->columns})) return std::nullopt;
  Group group = {.nodes = {id},
                 .dequantized = {},
                 .inputs = {*x},
                 .output = *output,
                 .name = node.name,
                 .kind = "matmul in blocks"};
  group.choose = Always(Layout::kPlain);
  auto shared = std::make_shared<const literal::BlockedMatrix>(*std::move(matrix));
  if (has_bias) group.inputs.push_back(*bias);
  group.make = [shared, has_bias, count = x->count()](const Choice&) {
    return MakeWhole([shared, has_bias, count](std::span<const std::byte* const> in, std::byte* y) {
      const auto* values = reinterpret_cast<const float*>(in[0]);
      std::vector<float> added;
      if (has_bias) {
        const auto* first = reinterpret_cast<const float*>(in[1]);
        added.assign(first, first + shared->columns);
      }
      const std::vector<float> result = literal::Multiply(*shared, {values, values + count}, true, added);
      std::copy(result.begin(), result.end(), reinterpret_cast<float*>(y));
    });
  };
  return group;
}

// What ONNX Runtime's selectors look at below the node.
struct Below {
  bool has_quantize = false;  // directly
  bool has_clip = false;      // the only reader is a Relu or Clip
};

Below BelowOf(const Pattern& pattern, ir::ValueId value) {
  Below below;
  const std::vector<ir::NodeId>* users = &pattern.users(value);
  const auto only = [&]() { return users->size() == 1 ? &pattern.node((*users)[0]) : nullptr; };
  if (const ir::Node* clip = only(); clip != nullptr && (clip->op == "Relu" || clip->op == "Clip")) {
    const ir::ValueId clipped = clip->outputs[0];
    if (pattern.users(clipped).size() != 1 || pattern.IsOutput(clipped)) return below;
    users = &pattern.users(clipped);
    // One that changes nothing is left out before this.
    below.has_clip = !pattern.IsRedundant(*clip, *only());
  }
  for (const ir::NodeId user : *users) below.has_quantize |= pattern.node(user).op == "QuantizeLinear";
  return below;
}

}  // namespace

std::optional<Group> FuseProduct(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode || pattern.policy().arithmetic() != Arithmetic::kOnnxRuntime)
    return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "MatMul") return std::nullopt;
  const auto inputs = InputsOf(node);
  const auto a = pattern.DequantizedOf(inputs[0]), b = pattern.DequantizedOf(inputs[1]);
  if (!a || !b || a->computed_signed() || target.computed_signed()) return std::nullopt;
  const auto m = MatricesOf(a->integers.sizes, b->integers.sizes);
  if (!m || m->count() != target.output.count()) return std::nullopt;
  Group group = NewGroup(pattern, target, "matmul");
  AddInput(group, *a);
  AddInput(group, *b);
  group.choose = Always(Layout::kPlain);
  const float multiplier = ort::Multiplier(a->quant.scale, b->quant.scale, target.quant.scale);
  group.make = [m = *m, multiplier, a = a->quant, b = b->quant, y = target.quant,
                range = target.range](const Choice&) {
    return MakeWhole([=](std::span<const std::byte* const> in, std::byte* out) {
      ForEachProduct(m, AsBytes(in[0]), a, AsBytes(in[1]), b, [&](std::int32_t sum, std::int64_t at) {
        const std::int32_t integer = y.is_signed
                                         ? ort::Requantize<std::int8_t>(sum, multiplier, y.zero_point)
                                         : ort::Requantize<std::uint8_t>(sum, multiplier, y.zero_point);
        out[at] = static_cast<std::byte>(Clamped(integer, range));
      });
    });
  };
  return group;
}

// As the operator of ONNX Runtime's own domain is evaluated: pools of any rank and rounding of sizes.
std::optional<Group> FusePoolAlone(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode || pattern.policy().arithmetic() != Arithmetic::kOnnxRuntime)
    return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "AveragePool" && node.op != "GlobalAveragePool") return std::nullopt;
  const auto x = pattern.DequantizedOf(InputsOf(node)[0]);
  if (!x || x->computed_signed() != target.computed_signed()) return std::nullopt;
  auto pool = std::make_shared<ir::Node>(node);
  pool->op = "com.microsoft::QLinear" + node.op;
  // int8 integers that were made uint8 are averaged as such.
  const bool is_unsigned = !x->computed_signed();
  const DType dtype = is_unsigned ? DType::kUint8 : DType::kInt8;
  const std::uint8_t flip = x->quant.is_signed && is_unsigned ? 0x80 : 0;
  const auto zero_point = [dtype](const Quant& q) {
    const std::int32_t added = q.is_signed && dtype == DType::kUint8 ? 128 : 0;
    return Tensor::From(dtype, {},
                        std::vector<std::uint8_t>{static_cast<std::uint8_t>(q.zero_point + added)});
  };
  const auto constants = std::make_shared<const std::vector<Tensor>>(std::vector<Tensor>{
      Normalized(Tensor::Scalar(x->quant.scale)), Normalized(zero_point(x->quant)),
      Normalized(Tensor::Scalar(target.quant.scale)), Normalized(zero_point(target.quant))});
  std::vector<Call::Input> inputs = {{.type = {.dtype = dtype, .sizes = x->integers.sizes}, .given = true}};
  for (const Tensor& constant : *constants)
    inputs.push_back(
        {.type = {.dtype = constant.dtype, .sizes = constant.sizes}, .value = &constant, .given = true});
  auto prepared = PrepareCall(pattern.program(), *pool, std::move(inputs));
  if (!prepared || !*prepared || (*prepared)->outputs[0].sizes != target.output.sizes) return std::nullopt;
  Group group = NewGroup(pattern, target, "average pool");
  AddInput(group, *x);
  group.choose = Always(Layout::kPlain);
  group.make = [=, compute = (*prepared)->compute, sizes = x->integers.sizes,
                count = x->integers.count()](const Choice&) {
    return MakeWhole([=](std::span<const std::byte* const> in, std::byte* y) {
      std::vector<std::uint8_t> bytes(AsBytes(in[0]), AsBytes(in[0]) + count);
      for (std::uint8_t& byte : bytes) byte ^= flip;
      const Tensor integers = Normalized(Tensor::From(dtype, sizes, bytes));
      Operands operands = {&integers};
      for (const Tensor& constant : *constants) operands.push_back(&constant);
      const auto results = compute(operands);
      if (!results) return;  // cannot be: the node has been prepared
      const std::vector<std::byte> result = (*results)[0].Bytes();
      for (std::size_t i = 0; i < result.size(); ++i) y[i] = result[i] ^ static_cast<std::byte>(flip);
    });
  };
  return group;
}

std::optional<Group> FuseToFloat(const Pattern& pattern, ir::NodeId id) {
  if (pattern.policy().arithmetic() != Arithmetic::kOnnxRuntime) return std::nullopt;
  const ir::Node& node = pattern.node(id);
  const bool gemm = node.op == "Gemm";
  const auto inputs = InputsOf(node);
  if (inputs.size() < 2) return std::nullopt;
  if (gemm && (pattern.Real(node, "alpha", 1) != 1.0 || pattern.Real(node, "beta", 1) != 1.0 ||
               pattern.Int(node, "transA", 0) != 0)) {
    return std::nullopt;
  }
  const Below below = BelowOf(pattern, node.outputs[0]);
  const auto a = pattern.DequantizedOf(inputs[0]);
  if (!a) {
    const bool wide = IsDequantized(pattern, inputs[0]);
    if (below.has_clip || (below.has_quantize && !wide) || (gemm && pattern.Int(node, "transB", 0) != 0))
      return std::nullopt;
    return FuseBlocks(pattern, id);
  }
  if (below.has_quantize || below.has_clip) return std::nullopt;
  const auto output = pattern.EdgeOf(node.outputs[0]);
  if (!output || !output->is_float || pattern.Constant(inputs[0]) != nullptr) return std::nullopt;
  const auto w = pattern.WeightsOf(inputs[1]);
  const auto b = pattern.DequantizedOf(inputs[1]);
  if (w ? w->has_4_bits : !b) return std::nullopt;
  // MatMulIntegerToFloat takes no int8 activations, QGemm takes them with int8 weights.
  if (a->computed_signed() && (!gemm || (w ? !w->is_signed : !b->computed_signed()))) return std::nullopt;
  Sizes b_sizes = w ? w->sizes : b->integers.sizes;
  const bool transposed = gemm && pattern.Int(node, "transB", 0) == 1;
  if (transposed) {
    if (b_sizes.size() != 2) return std::nullopt;
    std::swap(b_sizes[0], b_sizes[1]);
  }
  const auto m = MatricesOf(a->integers.sizes, b_sizes);
  if (!m || m->count() != output->count()) return std::nullopt;
  std::vector<float> scales = w ? w->scales : std::vector<float>{b->quant.scale};
  if (scales.size() != 1 && (w->axis != (transposed ? 0 : static_cast<int>(b_sizes.size()) - 1) ||
                             static_cast<std::int64_t>(scales.size()) != m->columns)) {
    return std::nullopt;
  }
  std::vector<std::int32_t> biases;
  if (gemm && inputs.size() > 2 && inputs[2].valid()) {
    const auto integers = pattern.BiasOf(inputs[2], a->quant.scale, scales, true);
    if (!integers || static_cast<std::int64_t>(integers->size()) != m->columns) return std::nullopt;
    biases = *integers;
  }
  if (!w && transposed)
    return std::nullopt;  // a product of two computed tensors, transposed: not seen in files
  for (float& scale : scales)
    scale = gemm ? ort::GemmMultiplier(1.0F, a->quant.scale, scale, 1.0F) : a->quant.scale * scale;
  Group group = {.nodes = {id},
                 .dequantized = {},
                 .inputs = {},
                 .output = *output,
                 .name = node.name,
                 .kind = "matmul to float"};
  AddInput(group, *a);
  if (!w) AddInput(group, *b);
  group.choose = Always(Layout::kPlain);
  auto values = std::make_shared<std::vector<std::int16_t>>();
  if (w) *values = w->values;
  group.make = [m = *m, scales, biases, values, transposed, a = a->quant,
                b = b ? b->quant : Quant{}](const Choice&) {
    return MakeWhole([=](std::span<const std::byte* const> in, std::byte* out) {
      auto* y = reinterpret_cast<float*>(out);
      const auto set = [&](std::int32_t sum, std::int64_t at) {
        const auto c = static_cast<std::size_t>(at % m.columns);
        if (!biases.empty()) sum += biases[c];
        y[at] = ort::ScaleAccumulator(sum, scales[scales.size() == 1 ? 0 : c]);
      };
      if (values->empty()) {
        ForEachProduct(m, AsBytes(in[0]), a, AsBytes(in[1]), b, set);
        return;
      }
      const std::uint8_t* x = AsBytes(in[0]);
      std::int64_t at = 0;
      for (std::size_t i = 0; i < m.a_begin.size(); ++i) {
        for (std::int64_t r = 0; r < m.rows; ++r) {
          for (std::int64_t c = 0; c < m.columns; ++c, ++at) {
            std::int32_t sum = 0;
            for (std::int64_t d = 0; d < m.depth; ++d) {
              const std::int64_t weight = m.b_begin[i] + (transposed ? c * m.depth + d : d * m.columns + c);
              sum += (a.Integer(x[m.a_begin[i] + r * m.depth + d]) - a.zero_point) *
                     (*values)[static_cast<std::size_t>(weight)];
            }
            set(sum, at);
          }
        }
      }
    });
  };
  return group;
}

std::optional<Group> FuseSoftmax(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode || pattern.policy().arithmetic() != Arithmetic::kOnnxRuntime)
    return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "Softmax") return std::nullopt;
  const auto x = pattern.DequantizedOf(InputsOf(node)[0]);
  if (!x || x->computed_signed() != target.computed_signed()) return std::nullopt;
  Sizes lines = x->integers.sizes;
  const auto rank = static_cast<std::int64_t>(lines.size());
  const int opset = pattern.Opset();
  auto axis = pattern.Int(node, "axis", opset < 13 ? 1 : -1);
  if (!axis || rank == 0) return std::nullopt;
  if (*axis < 0) *axis += rank;
  if (*axis < 0 || *axis >= rank) return std::nullopt;
  std::int64_t outer = 1, inner = 1;
  for (std::int64_t d = 0; d < *axis; ++d) outer *= lines[static_cast<std::size_t>(d)];
  for (std::int64_t d = *axis + 1; d < rank; ++d) inner *= lines[static_cast<std::size_t>(d)];
  std::int64_t length = lines[static_cast<std::size_t>(*axis)];
  if (opset < 13) {
    length *= inner;
    inner = 1;
  }
  if (length == 0) return std::nullopt;
  Group group = NewGroup(pattern, target, "softmax");
  AddInput(group, *x);
  group.choose = Always(Layout::kPlain);
  // int8 integers that were made uint8 have the same probabilities; what is added to them is the zero point.
  group.make = [=, is_signed = x->quant.is_signed, scale = x->quant.scale, y = target.quant](const Choice&) {
    const ort::SoftmaxTable table = ort::MakeSoftmaxTable(scale, static_cast<std::size_t>(length));
    return MakeWhole([=](std::span<const std::byte* const> in, std::byte* out) {
      const auto run = [&](auto zero) {
        using T = decltype(zero);
        std::vector<T> line(static_cast<std::size_t>(length)), result(line.size());
        for (std::int64_t i = 0; i < outer * inner; ++i) {
          const std::int64_t begin = i / inner * length * inner + i % inner;
          for (std::int64_t k = 0; k < length; ++k)
            line[static_cast<std::size_t>(k)] = static_cast<T>(in[0][begin + k * inner]);
          ort::QLinearSoftmax<T>(line, result, table, {.scale = y.scale, .zero_point = y.zero_point},
                                 ort::SoftmaxRelease::kSince1_32);
          for (std::int64_t k = 0; k < length; ++k)
            out[begin + k * inner] = static_cast<std::byte>(result[static_cast<std::size_t>(k)]);
        }
      };
      if (is_signed) {
        run(std::int8_t{});
      } else {
        run(std::uint8_t{});
      }
    });
  };
  return group;
}

}  // namespace octavo::engine::fused
