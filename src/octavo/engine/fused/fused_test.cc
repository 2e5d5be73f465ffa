#include <atomic>
#include <cmath>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/engine/engine.h"
#include "octavo/ir/text.h"

namespace octavo::engine {
namespace {

using testing::Contains;

using Sizes = std::vector<std::int64_t>;

// Writes small graphs of quantize/dequantize groups in the text form.
class Net {
 public:
  explicit Net(unsigned seed) : random_(seed) {}

  std::int64_t Draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  double Scale() { return std::exp2(static_cast<double>(Draw(-60, -20)) / 10); }

  void Line(const std::string& line) { text_ += line + "\n"; }
  std::string Constant(std::string_view type, const Sizes& sizes, const std::function<double()>& element) {
    std::int64_t count = 1;
    std::string list, shape;
    for (const std::int64_t size : sizes) {
      count *= size;
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    for (std::int64_t i = 0; i < count; ++i) list += fmt::format("{}{:.9g}", i == 0 ? "" : ", ", element());
    const std::string name = Name();
    Line(fmt::format("constant {} = {}[{}]{{{}}}", name, type, shape, list));
    return name;
  }
  std::string Scalar(std::string_view type, double value) {
    return Constant(type, {}, [value] { return value; });
  }
  std::string Name() { return fmt::format("%v{}", names_++); }

  // An 8-bit value, and the operands that follow it in QuantizeLinear and DequantizeLinear.
  struct Quantized {
    std::string value, parameters;
  };
  std::string Parameters() { return Parameters(Scale()); }
  std::string Parameters(double scale) {
    const bool is_signed = type_ == "int8";
    if (middle_)
      return Scalar("float32", scale) + ", " +
             Scalar(type_, static_cast<double>(Draw(-40, 40) + (is_signed ? 0 : 128)));
    const std::string zero = Scalar(type_, static_cast<double>(is_signed ? Draw(-128, 127) : Draw(0, 255)));
    return Scalar("float32", scale) + ", " + zero;
  }
  Quantized Quantize(const std::string& real, const std::string& parameters) {
    Quantized q = {Name(), parameters};
    Line(fmt::format("{} = QuantizeLinear({}, {})", q.value, real, parameters));
    return q;
  }
  std::string Dequantize(const Quantized& q) {
    const std::string real = Name();
    Line(fmt::format("{} = DequantizeLinear({}, {})", real, q.value, q.parameters));
    return real;
  }
  std::string Node(const std::string& call) {
    const std::string real = Name();
    Line(fmt::format("{} = {}", real, call));
    return real;
  }
  // Weights with a scale, or one a channel; a bias to go with them.
  std::string Weights(const Sizes& sizes, double scale, bool per_channel, int axis) {
    const Sizes channels = per_channel ? Sizes{sizes[static_cast<std::size_t>(axis)]} : Sizes{};
    const std::string w = Constant("int8", sizes, [&] { return static_cast<double>(Draw(-127, 127)); });
    const std::string s = Constant("float32", channels, [&] { return scale; });
    const std::string z = Constant("int8", channels, [] { return 0.0; });
    return Node(fmt::format("DequantizeLinear({}, {}, {}, axis={})", w, s, z, axis));
  }
  std::string Bias(std::int64_t count, double scale) {
    const std::string b = Constant("int32", {count}, [&] { return static_cast<double>(Draw(-500, 500)); });
    return Node(fmt::format("DequantizeLinear({}, {})", b, Scalar("float32", scale)));
  }

  std::string type_ = "uint8";
  bool middle_ = false;  // zero points that leave room on both sides
  std::mt19937 random_;

  std::string Text(const Sizes& input, const std::string& output) const {
    std::string shape;
    for (const std::int64_t size : input) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    return fmt::format("opset 17\ninput %x: float32[{}]\n{}output {}\n", shape, text_, output);
  }

 private:
  std::string text_;
  int names_ = 0;
};

struct Ran {
  std::vector<std::vector<std::int64_t>> values;
  std::set<std::string> kinds;
};

Tensor Input(const Sizes& sizes, std::mt19937& random) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  std::vector<float> values(static_cast<std::size_t>(count));
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  return Tensor::Floats(sizes, values);
}

Ran RunGraph(const std::string& text, const Tensor& x, Options options, bool keep_all = false) {
  Ran ran;
  const auto graph = ir::ParseGraph(text);
  if (!graph) {
    ADD_FAILURE() << graph.error().ToString() << "\n" << text;
    return ran;
  }
  for (const ir::Node& node : graph->nodes()) {
    if (keep_all && node.op == "QuantizeLinear") options.keep.push_back(node.outputs[0]);
  }
  const auto model = CompiledModel::Compile(*graph, {x.type()}, options);
  if (!model) {
    ADD_FAILURE() << model.error().ToString() << "\n" << text;
    return ran;
  }
  std::vector<StepTime> times;
  const auto y = model->Run({x}, {}, &times);
  if (!y) {
    ADD_FAILURE() << y.error().ToString();
    return ran;
  }
  for (const StepTime& time : times) ran.kinds.insert(time.kind);
  for (const Tensor& tensor : *y) ran.values.push_back(tensor.ToInts());
  return ran;
}

std::int64_t Difference(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                        std::size_t& differ) {
  EXPECT_EQ(a.size(), b.size());
  std::int64_t largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
    differ += a[i] != b[i];
  }
  return largest;
}

struct Case {
  std::string name, kind;
  // The operator's float value of [n, c, h, w].
  std::function<std::string(Net&, const Net::Quantized&, const Sizes&)> write;
  bool moves = false;  // the result has the input's parameters
};

std::string Convolve(Net& net, const std::string& x, const Sizes& s, std::int64_t groups, std::int64_t out,
                     const std::string& tail = "") {
  const std::int64_t kernel = net.Draw(1, 3), pad = net.Draw(0, 1), stride = net.Draw(1, 2);
  const double scale = 0.01;
  const bool biased = net.Draw(0, 1) != 0;
  const std::string w = net.Weights({out, s[1] / groups, kernel, kernel}, scale, net.Draw(0, 1) != 0, 0);
  return net.Node(fmt::format("Conv({}, {}{}, group={}, pads=[{},{},{},{}], strides=[{},{}])", x, w,
                              biased ? tail : "", groups, pad, pad, pad, pad, stride, stride));
}

// Each on its own: what the group gives and what its nodes give one by one is the same but for rounding.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"conv", "conv",
       [](Net& net, const auto& q, const Sizes& s) {
         return Convolve(net, net.Dequantize(q), s, 1, net.Draw(1, 20));
       }},
      {"grouped conv", "conv",
       [](Net& net, const auto& q, const Sizes& s) { return Convolve(net, net.Dequantize(q), s, 2, 6); }},
      {"depthwise conv and relu", "conv",
       [](Net& net, const auto& q, const Sizes& s) {
         return net.Node(fmt::format("Relu({})", Convolve(net, net.Dequantize(q), s, s[1], s[1])));
       }},
      {"gemm", "matmul",
       [](Net& net, const auto& q, const Sizes& s) {
         const std::string x = net.Node(fmt::format("Flatten({})", net.Dequantize(q)));
         const Net::Quantized flat = net.Quantize(x, q.parameters);
         const std::string w = net.Weights({11, s[1] * s[2] * s[3]}, 0.004, true, 0);
         return net.Node(fmt::format("Gemm({}, {}, transB=1)", net.Dequantize(flat), w));
       }},
      {"matmul", "matmul",
       [](Net& net, const auto& q, const Sizes& s) {
         const std::string w = net.Weights({s[3], 7}, 0.02, false, 1);
         return net.Node(fmt::format("MatMul({}, {})", net.Dequantize(q), w));
       }},
      {"add", "add",
       [](Net& net, const auto& q, const Sizes&) {
         const Net::Quantized other = net.Quantize("%x", net.Parameters(0.02));
         return net.Node(fmt::format("Add({}, {})", net.Dequantize(other), net.Dequantize(q)));
       }},
      {"add and relu, repeated", "add",
       [](Net& net, const auto& q, const Sizes& s) {
         const std::string b =
             net.Constant(net.type_, {s[1], 1, 1}, [&] { return static_cast<double>(net.Draw(0, 100)); });
         const Net::Quantized other = {b, net.Parameters(0.01)};
         return net.Node(fmt::format(
             "Relu({})", net.Node(fmt::format("Add({}, {})", net.Dequantize(other), net.Dequantize(q)))));
       }},
      {"mul by averages", "mul",
       [](Net& net, const auto& q, const Sizes&) {
         const std::string mean = net.Node(fmt::format("GlobalAveragePool({})", net.Dequantize(q)));
         const Net::Quantized means = net.Quantize(mean, net.Parameters(0.01));
         return net.Node(fmt::format("Mul({}, {})", net.Dequantize(q), net.Dequantize(means)));
       }},
      {"concat", "concat",
       [](Net& net, const auto& q, const Sizes&) {
         const Net::Quantized other = net.Quantize("%x", net.Parameters(0.0313));
         return net.Node(fmt::format("Concat({}, {}, {}, axis={})", net.Dequantize(other), net.Dequantize(q),
                                     net.Dequantize(other), net.Draw(0, 1) != 0 ? 1 : -1));
       }},
      {"average pool", "average pool",
       [](Net& net, const auto& q, const Sizes&) {
         return net.Node(fmt::format(
             "AveragePool({}, kernel_shape=[2,2], pads=[1,0,1,0], strides=[1,2], count_include_pad={})",
             net.Dequantize(q), net.Draw(0, 1)));
       }},
      {"hard swish", "table",
       [](Net& net, const auto& q, const Sizes&) {
         return net.Node(fmt::format("HardSwish({})", net.Dequantize(q)));
       }},
      {"sigmoid", "table",
       [](Net& net, const auto& q, const Sizes&) {
         return net.Node(fmt::format("Sigmoid({})", net.Dequantize(q)));
       }},
      {"chain of one input", "table",
       [](Net& net, const auto& q, const Sizes&) {
         const std::string x = net.Dequantize(q);
         const std::string y = net.Node(fmt::format("Mul({}, {})", net.Node(fmt::format("Tanh({})", x)), x));
         return net.Node(fmt::format("Add({}, {})", y, net.Scalar("float32", 0.5)));
       }},
      {"difference", "pair table",
       [](Net& net, const auto& q, const Sizes&) {
         const Net::Quantized other = net.Quantize("%x", net.Parameters(0.02));
         return net.Node(fmt::format("Sub({}, {})", net.Dequantize(other), net.Dequantize(q)));
       }},
      {"max pool", "max pool",
       [](Net& net, const auto& q, const Sizes&) {
         return net.Node(fmt::format("MaxPool({}, kernel_shape=[3,2], pads=[1,1,1,0], strides=[2,1])",
                                     net.Dequantize(q)));
       },
       true},
      {"transpose", "move",
       [](Net& net, const auto& q, const Sizes&) {
         return net.Node(fmt::format("Transpose({}, perm=[0,2,3,1])", net.Dequantize(q)));
       },
       true},
      {"channel shuffle", "move",
       [](Net& net, const auto& q, const Sizes& s) {
         const auto reshape = [&](const Net::Quantized& x, const Sizes& to) {
           std::size_t i = 0;
           const std::string shape = net.Constant("int64", {static_cast<std::int64_t>(to.size())},
                                                  [&] { return static_cast<double>(to[i++]); });
           return net.Node(fmt::format("Reshape({}, {})", net.Dequantize(x), shape));
         };
         const Net::Quantized apart = net.Quantize(reshape(q, {s[0], 2, s[1] / 2, s[2], s[3]}), q.parameters);
         const std::string turned =
             net.Node(fmt::format("Transpose({}, perm=[0,2,1,3,4])", net.Dequantize(apart)));
         return reshape(net.Quantize(turned, q.parameters), s);
       },
       true},
      {"split integers", "concat",
       [](Net& net, const auto& q, const Sizes& s) {
         const Net::Quantized first = {net.Name(), q.parameters}, second = {net.Name(), q.parameters};
         std::size_t i = 0;
         const std::string sizes =
             net.Constant("int64", {2}, [&] { return i++ == 0 ? 1.0 : static_cast<double>(s[1] - 1); });
         net.Line(fmt::format("{}, {} = Split({}, {}, axis=1)", first.value, second.value, q.value, sizes));
         return net.Node(
             fmt::format("Concat({}, {}, axis=1)", net.Dequantize(second), net.Dequantize(first)));
       },
       true},
      {"slice", "move",
       [](Net& net, const auto& q, const Sizes&) {
         const auto ints = [&](const Sizes& values) {
           std::size_t i = 0;
           return net.Constant("int64", {static_cast<std::int64_t>(values.size())},
                               [&] { return static_cast<double>(values[i++]); });
         };
         const std::string begin = ints({1, 0}), end = ints({100, 3}), axes = ints({1, 3}),
                           steps = ints({1, 2});
         return net.Node(
             fmt::format("Slice({}, {}, {}, {}, {})", net.Dequantize(q), begin, end, axes, steps));
       },
       true},
  };
  return cases;
}

// ONNX Runtime has no kernel of integers for ReduceMean.
TEST(Fused, MeansAreIntegersForPyTorchOnly) {
  Net net(1);
  net.type_ = "uint8";
  const Sizes sizes = {2, 3, 4, 4};
  const Net::Quantized q = net.Quantize("%x", net.Parameters(0.0313));
  const std::string mean = net.Node(fmt::format("ReduceMean({}, axes=[2,3])", net.Dequantize(q)));
  const std::string text = net.Text(sizes, net.Quantize(mean, net.Parameters(0.0517)).value);
  const Tensor x = Input(sizes, net.random_);
  EXPECT_THAT(RunGraph(text, x, {.arithmetic = Arithmetic::kPyTorch, .keep = {}}).kinds,
              Contains("average pool"));
  EXPECT_THAT(RunGraph(text, x, {.arithmetic = Arithmetic::kOnnxRuntime, .keep = {}}).kinds,
              Contains("ReduceMean"));
}

TEST(Fused, GroupsGiveWhatTheirNodesGive) {
  for (const Case& c : Cases()) {
    std::size_t differ = 0, all = 0;
    for (unsigned seed = 0; seed < 12; ++seed) {
      Net net(seed);
      net.type_ = seed % 2 == 0 ? "uint8" : "int8";
      const Sizes sizes = {seed == 11 ? 0 : net.Draw(1, 2), 2 * net.Draw(1, 9), net.Draw(3, 9),
                           net.Draw(3, 9)};
      const std::string in = net.Parameters(0.0313);
      const Net::Quantized q = net.Quantize("%x", in);
      const std::string real = c.write(net, q, sizes);
      const Net::Quantized y = net.Quantize(real, c.moves ? in : net.Parameters(0.0517));
      const std::string text = net.Text(sizes, y.value);
      const Tensor x = Input(sizes, net.random_);
      // ONNX Runtime computes some of these in float32: what it makes integers of depends on types and
      // bounds.
      const Ran groups = RunGraph(text, x, {.arithmetic = Arithmetic::kPyTorch, .keep = {}});
      EXPECT_THAT(groups.kinds, Contains(c.kind)) << c.name;
      for (const std::string& kind : groups.kinds)
        EXPECT_TRUE(std::islower(kind[0])) << c.name << ": " << kind;
      const Ran fused = RunGraph(text, x, {.arithmetic = Arithmetic::kOnnxRuntime, .keep = {}});
      const Ran literal =
          RunGraph(text, x, {.arithmetic = Arithmetic::kOnnxRuntime, .fuse = false, .keep = {}});
      ASSERT_EQ(fused.values.size(), 1U) << c.name;
      ASSERT_EQ(literal.values.size(), 1U) << c.name;
      const std::int64_t largest = Difference(fused.values[0], literal.values[0], differ);
      all += fused.values[0].size();
      EXPECT_LE(largest, 1) << c.name << ", seed " << seed << "\n" << text;
    }
    // What moves differs only where the graph's first QuantizeLinear rounded another way.
    EXPECT_LE(differ * (c.moves ? 1000 : 100), all) << c.name;
  }
}

// A network of several layers: kept values, threads and instruction sets change nothing.
std::string Network(Net& net, const Sizes& sizes) {
  net.middle_ = true;
  Net::Quantized q = net.Quantize("%x", net.Parameters(0.0313));
  for (int layer = 0; layer < 6; ++layer) {
    const std::string branch = Convolve(net, net.Dequantize(q), sizes, layer % 2 + 1, sizes[1]);
    q = net.Quantize(branch, net.Parameters(0.0517));
    const std::string mean = net.Node(fmt::format("GlobalAveragePool({})", net.Dequantize(q)));
    const Net::Quantized gate =
        net.Quantize(net.Node(fmt::format("Sigmoid({})", mean)), net.Parameters(0.004));
    q = net.Quantize(net.Node(fmt::format("Mul({}, {})", net.Dequantize(q), net.Dequantize(gate))),
                     net.Parameters(0.02));
    if (layer == 3) {
      const std::string moved = net.Node(fmt::format("Transpose({}, perm=[0,1,3,2])", net.Dequantize(q)));
      q = net.Quantize(moved, q.parameters);
      // What no kernel does stands between.
      const std::string soft = net.Node(fmt::format("Softmax({}, axis=1)", net.Dequantize(q)));
      const std::string larger = net.Node(fmt::format("Mul({}, {})", soft, net.Scalar("float32", 30)));
      q = net.Quantize(larger, net.Parameters(0.04));
    }
  }
  return q.value;
}

TEST(Fused, KeptValuesAndThreadsChangeNothing) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    Net net(seed + 100);
    net.type_ = seed % 2 == 0 ? "uint8" : "int8";
    const Sizes sizes = {1, 2 * net.Draw(1, 10), 30, 30};
    const std::string output = Network(net, sizes);
    const std::string text = net.Text(sizes, output);
    const Tensor x = Input(sizes, net.random_);
    const Options options = {.arithmetic = Arithmetic::kPyTorch, .keep = {}};
    const Ran once = RunGraph(text, x, options);
    ASSERT_EQ(once.values.size(), 1U);
    EXPECT_GT(std::set(once.values[0].begin(), once.values[0].end()).size(), 2U) << "nothing happens in it";
    EXPECT_THAT(once.kinds, Contains("Softmax"));
    EXPECT_EQ(RunGraph(text, x, options, true).values, once.values);
    EXPECT_EQ(RunGraph(text, x, {.arithmetic = Arithmetic::kPyTorch, .threads = 3, .keep = {}}).values,
              once.values);
  }
}

// A value that is kept is what the run without it would have had there.
TEST(Fused, ShowsKeptValues) {
  Net net(3);
  const Sizes sizes = {1, 3, 8, 8};
  const Net::Quantized q = net.Quantize("%x", net.Parameters(0.0313));
  const Net::Quantized y =
      net.Quantize(Convolve(net, net.Dequantize(q), sizes, 1, 5), net.Parameters(0.0517));
  const std::string z = net.Node(fmt::format("GlobalAveragePool({})", net.Dequantize(y)));
  const std::string text = net.Text(sizes, net.Quantize(z, net.Parameters(0.01)).value);
  const Tensor x = Input(sizes, net.random_);
  const auto graph = ir::ParseGraph(text);
  ASSERT_TRUE(graph) << graph.error().ToString();
  const ir::Node* conv = nullptr;
  for (const ir::Node& node : graph->nodes()) {
    if (node.op == "Conv") conv = &node;
  }
  const ir::ValueId integers =
      graph->nodes()[static_cast<std::size_t>(conv - graph->nodes().data()) + 1].outputs[0];
  std::vector<std::vector<std::int64_t>> seen;
  for (const bool fuse : {true, false}) {
    Options options = {.arithmetic = Arithmetic::kOnnxRuntime, .fuse = fuse, .keep = {integers}};
    if (!fuse) options.keep.push_back(conv->outputs[0]);
    const auto model = CompiledModel::Compile(*graph, {x.type()}, options);
    ASSERT_TRUE(model) << model.error().ToString();
    ASSERT_TRUE(model->Run({x}, [&](ir::ValueId id, const Tensor& tensor) {
      if (id == integers) seen.push_back(tensor.ToInts());
    }));
  }
  ASSERT_EQ(seen.size(), 2U);
  std::size_t differ = 0;
  EXPECT_LE(Difference(seen[0], seen[1], differ), 1);
  EXPECT_LE(differ * 50, seen[0].size());

  // A float value inside a group: its nodes are evaluated one by one.
  const auto model = CompiledModel::Compile(*graph, {x.type()}, {.keep = {conv->outputs[0]}});
  ASSERT_TRUE(model) << model.error().ToString();
  int shown = 0;
  ASSERT_TRUE(model->Run({x}, [&](ir::ValueId id, const Tensor& tensor) {
    shown += id == conv->outputs[0] && tensor.dtype == DType::kFloat32;
  }));
  EXPECT_EQ(shown, 1);
}

// The Caffe2 dialect's operators are integers in either case: nothing may differ.
TEST(Fused, Int8OperatorsEqualLiteralOnes) {
  for (const Arithmetic arithmetic : {Arithmetic::kPyTorch, Arithmetic::kCaffe2, Arithmetic::kOnnxRuntime}) {
    for (unsigned seed = 0; seed < 12; ++seed) {
      Net net(seed + 50);
      const auto op = [](const std::string& name) { return "\"org.pytorch._caffe2::Int8" + name + "\""; };
      const auto given = [&](const Sizes& sizes, double scale, std::int64_t zero) {
        std::string list, shape;
        std::int64_t count = 1;
        for (const std::int64_t size : sizes) {
          count *= size;
          shape += (shape.empty() ? "" : ",") + std::to_string(size);
        }
        for (std::int64_t i = 0; i < count; ++i)
          list += (i == 0 ? "" : ", ") + std::to_string(net.Draw(0, 255));
        return net.Node(
            fmt::format("{}(shape=[{}], Y_zero_point={}, Y_scale={:.9g}, values=bytes uint8[{}]{{{}}})",
                        op("GivenTensorFill"), shape, zero, scale, count, list));
      };
      const auto biases = [&](std::int64_t count) {
        std::string list;
        for (std::int64_t i = 0; i < count; ++i)
          list += (i == 0 ? "" : ", ") + std::to_string(net.Draw(-900, 900));
        return net.Node(fmt::format("{}(shape=[{}], values=[{}], Y_zero_point=0, Y_scale=0.0001)",
                                    op("GivenIntTensorFill"), count, list));
      };
      const std::int64_t channels = net.Draw(1, 9), out = net.Draw(1, 18);
      const Sizes sizes = {1, channels, 9, 7};
      const auto q = [&](double scale, std::int64_t zero) {
        return fmt::format("Y_scale={:.9g}, Y_zero_point={}", scale, zero);
      };
      const std::string in = q(0.5 / 16, 100), first = q(0.0625, 60), second = q(0.09, 31);
      const std::string x = net.Node(fmt::format("{}(%x, {})", op("Quantize"), in));
      const std::string t = net.Node(fmt::format("{}({}, axes=[0,2,3,1], {})", op("Transpose"), x, in));
      const std::string conv = net.Node(fmt::format(
          "{}({}, {}, {}, strides=[1,1], pads=[1,1,1,1], kernels=[3,3], dilations=[1,1], group=1, "
          "order=\"NHWC\", {})",
          op(net.Draw(0, 1) != 0 ? "Conv" : "ConvRelu"), t,
          given({out, 3, 3, channels}, 0.0078125, net.Draw(100, 140)), biases(out), first));
      const std::string pool =
          net.Node(fmt::format("{}({}, kernel=2, strides=[1,1], pads=[0,0,0,0], order=\"NHWC\", {})",
                               op(net.Draw(0, 1) != 0 ? "MaxPool" : "AveragePool"), conv, first));
      const std::string back =
          net.Node(fmt::format("{}({}, axes=[0,3,1,2], {})", op("Transpose"), pool, first));
      const std::string relu = net.Node(fmt::format("{}({}, {})", op("Relu"), back, first));
      const std::string sum = net.Node(fmt::format("{}({}, {}, {})", op("Add"), relu, back, second));
      const std::string join =
          net.Node(fmt::format("{}({}, {}, axis=1, {})", op("Concat"), relu, sum, first));
      const std::string again =
          net.Node(fmt::format("{}({}, axes=[0,2,3,1], {})", op("Transpose"), sum, second));
      const std::string mean =
          net.Node(fmt::format("{}({}, kernels=[8,6], strides=[1,1], pads=[0,0,0,0], order=\"NHWC\", {})",
                               op("AveragePool"), again, second));
      const std::string flat =
          net.Node(fmt::format("{}({}, axes=[0,3,1,2], {})", op("Transpose"), mean, second));
      const std::string shape =
          net.Constant("int64", {2}, [n = 0]() mutable { return n++ == 0 ? 1.0 : -1.0; });
      const std::string row = net.Node(fmt::format("{}({}, {}, {})", op("Reshape"), flat, shape, second));
      const std::string fc = net.Node(fmt::format("{}({}, {}, {}, {})", op("FC"), row,
                                                  given({13, out}, 0.01, 128), biases(13), q(0.011, 128)));
      const std::string y = net.Node(fmt::format("{}({}, {})", op("Sigmoid"), fc, q(1.0 / 256, 0)));
      for (const std::string& output : {conv, sum, join, fc, y}) {
        const std::string text = net.Text(sizes, output);
        const Tensor input = Input(sizes, net.random_);
        const Ran fused = RunGraph(text, input, {.arithmetic = arithmetic, .keep = {}});
        const Ran literal = RunGraph(text, input, {.arithmetic = arithmetic, .fuse = false, .keep = {}});
        ASSERT_EQ(fused.values, literal.values)
            << Name(arithmetic) << ", seed " << seed << ", " << output << "\n"
            << text;
        for (const std::string& kind : fused.kinds) EXPECT_TRUE(std::islower(kind[0])) << kind;
      }
    }
  }
}

TEST(Fused, RunsFromManyThreadsAtOnce) {
  Net net(9);
  const Sizes sizes = {1, 8, 30, 30};
  const std::string text = net.Text(sizes, Network(net, sizes));
  const auto graph = ir::ParseGraph(text);
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::vector<Tensor> inputs;
  for (int i = 0; i < 4; ++i) inputs.push_back(Input(sizes, net.random_));
  const auto model = CompiledModel::Compile(
      *graph, {inputs[0].type()}, {.arithmetic = Arithmetic::kOnnxRuntime, .threads = 2, .keep = {}});
  ASSERT_TRUE(model) << model.error().ToString();
  std::vector<std::vector<std::int64_t>> expected;
  for (const Tensor& input : inputs) expected.push_back((*model->Run({input}))[0].ToInts());
  EXPECT_NE(expected[0], expected[1]);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < inputs.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int run = 0; run < 8; ++run) {
        const auto y = model->Run({inputs[t]});
        wrong += !y || (*y)[0].ToInts() != expected[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace octavo::engine
