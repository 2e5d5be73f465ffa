#include <algorithm>
#include <utility>

#include "octavo/engine/fused/pattern.h"

// The Caffe2 dialect: a value's scale and zero point are the edge's, and images are [N, H, W, C].

namespace octavo::engine::fused {
namespace {

struct Int8Node {
  const Pattern& pattern;
  ir::NodeId id;
  const ir::Node& node;
  std::string_view op;  // without its domain and "Int8"
  std::vector<ir::ValueId> inputs;
  std::vector<Quant> x;
  std::vector<Edge> edges;
  Quant y;
  Edge output;

  Group NewGroup(std::size_t num_inputs, std::string kind) const {
    Group group = {.nodes = {id}, .output = output, .name = node.name, .kind = std::move(kind)};
    group.inputs.assign(edges.begin(), edges.begin() + static_cast<std::ptrdiff_t>(num_inputs));
    return group;
  }
  Range range() const { return {op.ends_with("Relu") ? y.zero_point : 0, 255}; }
};

std::optional<std::vector<std::int16_t>> Int8Weights(const Int8Node& n) {
  const Tensor* weights = n.pattern.Constant(n.inputs[1]);
  if (weights == nullptr) return std::nullopt;
  std::vector<std::int16_t> values(static_cast<std::size_t>(weights->num_elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int16_t>(Data<std::uint8_t>(*weights)[i] - n.x[1].zero_point);
  }
  return values;
}

// Of a layer with the weights' first dimension as its channels.
std::optional<Layer> Int8Layer(const Int8Node& n) {
  const Tensor* biases = n.inputs.size() == 3 ? n.pattern.Constant(n.inputs[2]) : nullptr;
  auto weights = Int8Weights(n);
  if (biases == nullptr || biases->dtype != DType::kInt32 || !weights) return std::nullopt;
  Layer layer = {.shape = {},
                 .weights = *std::move(weights),
                 .w_scales = {n.x[1].scale},
                 .biases = {},
                 .x = n.x[0],
                 .y = n.y,
                 .range = n.range()};
  for (const std::int64_t bias : biases->ToInts()) layer.biases.push_back(static_cast<std::int32_t>(bias));
  return layer;
}

// A pair of attributes: a list, or one number for both.
std::optional<Sizes> PairOf(const Int8Node& n, std::string_view many, std::string_view one,
                            std::int64_t otherwise) {
  auto list = n.pattern.Ints(n.node, many, {});
  if (list && list->empty()) {
    const auto both = n.pattern.Int(n.node, one, otherwise);
    if (!both) return std::nullopt;
    list = Sizes{*both};
  }
  if (list && list->size() == 1) list->push_back((*list)[0]);
  if (!list || list->size() != 2) return std::nullopt;
  return list;
}

std::optional<Pooling> Int8Pooling(const Int8Node& n, std::optional<Sizes> kernel) {
  const Sizes &in = n.edges[0].sizes, &out = n.output.sizes;
  const bool pools = !kernel;
  if (pools) kernel = PairOf(n, "kernels", "kernel", 0);
  // PyTorch's pools without a stride take steps of their size.
  const bool own_steps =
      pools && n.pattern.policy().arithmetic() != Arithmetic::kCaffe2 && n.node.Find("strides") != nullptr;
  const auto dilations = PairOf(n, "dilations", "dilation", 1);
  auto pads = n.pattern.Ints(n.node, "pads", {});
  if (pads && pads->empty()) pads = Sizes(4, n.pattern.Int(n.node, "pad", 0).value_or(0));
  if (!kernel || !dilations || !pads || pads->size() != 4 || in.size() != 4 || out.size() != 4)
    return std::nullopt;
  const auto strides = PairOf(n, "strides", "stride", own_steps ? (*kernel)[0] : 1);
  if (!strides) return std::nullopt;
  for (const Sizes& sizes : {*kernel, *strides, *dilations}) {
    for (const std::int64_t size : sizes) {
      if (size < 1) return std::nullopt;
    }
  }
  constexpr std::int64_t kMostCells = 1 << 16;
  if (pools && ((*kernel)[0] > kMostCells || (*kernel)[0] * (*kernel)[1] > kMostCells)) return std::nullopt;
  return Pooling{.batch = in[0],
                 .height = in[1],
                 .width = in[2],
                 .channels = in[3],
                 .out_height = out[1],
                 .out_width = out[2],
                 .kernel_height = (*kernel)[0],
                 .kernel_width = (*kernel)[1],
                 .stride_height = (*strides)[0],
                 .stride_width = (*strides)[1],
                 .dilation_height = (*dilations)[0],
                 .dilation_width = (*dilations)[1],
                 .pad_top = (*pads)[0],
                 .pad_left = (*pads)[1]};
}

std::optional<Group> Convolve(const Int8Node& n) {
  if (n.x.size() < 2) return std::nullopt;
  auto layer = Int8Layer(n);
  const Sizes& w = n.edges[1].sizes;
  const auto groups = n.pattern.Int(n.node, "group", 1);
  if (!layer || !groups || *groups < 1 || w.size() != 4) return std::nullopt;
  const auto p = Int8Pooling(n, Sizes{w[1], w[2]});
  if (!p || p->channels == 0 || w[0] == 0 || w[3] * *groups != p->channels || w[0] % *groups != 0)
    return std::nullopt;
  layer->shape = {.batch = p->batch,
                  .height = p->height,
                  .width = p->width,
                  .channels = p->channels,
                  .out_height = p->out_height,
                  .out_width = p->out_width,
                  .out_channels = w[0],
                  .kernel_height = w[1],
                  .kernel_width = w[2],
                  .stride_height = p->stride_height,
                  .stride_width = p->stride_width,
                  .dilation_height = p->dilation_height,
                  .dilation_width = p->dilation_width,
                  .pad_top = p->pad_top,
                  .pad_left = p->pad_left,
                  .groups = *groups};
  Group group = n.NewGroup(1, "conv");
  SetLayer(group, n.pattern.policy(), *std::move(layer), Layout::kPlain);
  return group;
}

std::optional<Group> MultiplyMatrix(const Int8Node& n) {
  if (n.x.size() < 2) return std::nullopt;
  auto layer = Int8Layer(n);
  const Sizes& w = n.edges[1].sizes;
  if (!layer || w.size() != 2 || w[0] == 0 || w[1] == 0) return std::nullopt;
  const std::int64_t rows = n.edges[0].count() / w[1];
  layer->shape.width = layer->shape.out_width = rows;
  layer->shape.channels = w[1];
  layer->shape.out_channels = w[0];
  Group group = n.NewGroup(1, "matmul");
  SetLayer(group, n.pattern.policy(), *std::move(layer), Layout::kPlain);
  return group;
}

std::optional<Group> FusePool(const Int8Node& n) {
  const auto p = Int8Pooling(n, std::nullopt);
  if (!p) return std::nullopt;
  const bool average = n.op == "AveragePool";
  Group group = n.NewGroup(1, average ? "average pool" : "max pool");
  group.choose = Always(Layout::kPlain);
  if (!average) {
    group.make = [p = *p](const Choice&) { return MakeMaxPool(p, false); };
    return group;
  }
  // The padding counts.
  const std::int64_t cells = p->kernel_height * p->kernel_width;
  group.make = [p = *p, cells, policy = n.pattern.policy(), x = n.x[0], y = n.y](const Choice&) {
    return MakeAveragePool(p, x, [=](std::int32_t sum, std::int64_t /*count*/) {
      return policy.Average(sum, cells, x, y, {0, 255});
    });
  };
  return group;
}

std::optional<Group> Sum(const Int8Node& n) {
  if (n.x.size() != 2 || n.edges[0].sizes != n.output.sizes || n.edges[1].sizes != n.output.sizes)
    return std::nullopt;
  Group group = n.NewGroup(2, "add");
  const Policy& policy = n.pattern.policy();
  // The dialect's own operator is the one of fixed point, whatever the arithmetic.
  const Policy own(policy.arithmetic() == Arithmetic::kOnnxRuntime ? Arithmetic::kPyTorch
                                                                   : policy.arithmetic());
  SetPair(group, own.Add(n.x[0], n.x[1], n.y, n.range(), true),
          own.AddForms(n.x[0], n.x[1], n.y, n.range(), true));
  return group;
}

std::optional<Group> Map(const Int8Node& n) {
  Group group = n.NewGroup(1, "table");
  if (n.op == "Relu") {
    SetLookup(group, TableOf([&](std::uint8_t byte) { return Clamped(byte, n.range()); }));
    return group;
  }
  const auto function = Policy(Arithmetic::kPyTorch).ByteFunction("Sigmoid", 0, n.x[0], n.y);
  if (!function) return std::nullopt;
  SetLookup(group, TableOf(function));
  return group;
}

std::optional<Group> Join(const Int8Node& n) {
  Group group = n.NewGroup(n.edges.size(), "concat");
  const bool channels_last = n.pattern.Text(n.node, "order") == "NHWC",
             first = n.pattern.Text(n.node, "order") == "NCHW";
  const auto axis = n.pattern.Int(n.node, "axis", channels_last ? 3 : first ? 1 : 0);
  if (!axis || *axis < 0 || *axis >= static_cast<std::int64_t>(n.output.sizes.size())) return std::nullopt;
  // Caffe2 copies bytes.  In PyTorch an operand with another scale or zero point is quantized again.
  const Policy pytorch(Arithmetic::kPyTorch);
  const bool copies = n.pattern.policy().arithmetic() == Arithmetic::kCaffe2;
  std::vector<std::optional<ByteTable>> tables;
  for (const Quant& x : n.x) {
    if (copies || x == n.y) {
      tables.emplace_back();
    } else {
      tables.emplace_back(
          TableOf([&](std::uint8_t byte) { return pytorch.Quantize(pytorch.Dequantize(byte, x), n.y); }));
    }
  }
  SetConcat(group, *axis, std::move(tables));
  return group;
}

std::optional<Group> Move(const Int8Node& n) {
  auto map = MovementOf(n.pattern, n.node, n.edges[0], n.output);
  if (!map) return std::nullopt;
  Group group = n.NewGroup(1, "move");
  SetMovement(group, *std::move(map));
  return group;
}

std::optional<Group> FromFloat(const Pattern& pattern, ir::NodeId id) {
  const ir::Node& node = pattern.node(id);
  const auto inputs = InputsOf(node);
  const auto x = inputs.empty() ? std::nullopt : pattern.EdgeOf(inputs[0]);
  const auto y = pattern.Int8QuantOf(node.outputs[0]);
  const auto output = pattern.EdgeOf(node.outputs[0]);
  if (!x || !x->is_float || !y || !output) return std::nullopt;
  Group group = {.nodes = {id}, .inputs = {*x}, .output = *output, .name = node.name};
  SetQuantize(group, pattern.policy(), *y);
  return group;
}

std::optional<Group> ToFloat(const Int8Node& n) {
  Group group = n.NewGroup(1, "dequantize");
  SetDequantize(group, n.x[0]);
  return group;
}

}  // namespace

std::optional<Group> FuseInt8(const Pattern& pattern, ir::NodeId id) {
  constexpr std::string_view kPrefix = "org.pytorch._caffe2::Int8";
  const ir::Node& node = pattern.node(id);
  if (!node.op.starts_with(kPrefix) || node.outputs.size() != 1) return std::nullopt;
  const std::string_view op = std::string_view(node.op).substr(kPrefix.size());
  if (op == "Quantize") return FromFloat(pattern, id);
  const auto output = pattern.EdgeOf(node.outputs[0]);
  if (!output) return std::nullopt;
  Int8Node n = {.pattern = pattern,
                .id = id,
                .node = node,
                .op = op,
                .inputs = InputsOf(node),
                .x = {},
                .edges = {},
                .y = {},
                .output = *output};
  if (op != "Dequantize") {
    const auto y = pattern.Int8QuantOf(node.outputs[0]);
    if (!y) return std::nullopt;
    n.y = *y;
  }
  for (const ir::ValueId input : n.inputs) {
    const auto x = pattern.Int8QuantOf(input);
    const auto edge = pattern.EdgeOf(input);
    if (!x || !edge) break;  // a bias, a shape
    n.x.push_back(*x);
    n.edges.push_back(*edge);
  }
  if (n.x.empty()) return std::nullopt;
  if (op == "Conv" || op == "ConvRelu") return Convolve(n);
  if (op == "FC") return MultiplyMatrix(n);
  if (op == "MaxPool" || op == "AveragePool") return FusePool(n);
  if (op == "Add" || op == "AddRelu") return Sum(n);
  if (op == "Relu" || op == "Sigmoid") return Map(n);
  if (op == "Concat") return n.x.size() == n.inputs.size() ? Join(n) : std::nullopt;
  if (op == "Dequantize") return ToFloat(n);
  return Move(n);
}

}  // namespace octavo::engine::fused
