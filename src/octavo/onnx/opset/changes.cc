#include "octavo/onnx/opset/changes.h"

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/type_names.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

constexpr ElementTypes Bit(int type) { return ElementTypes{1} << type; }
// Types that Debian's description of the format has no names for.
constexpr int kE4m3fn = 17, kE4m3fnuz = 18, kE5m2 = 19, kE5m2fnuz = 20, kUint4 = 21, kInt4 = 22, kE2m1 = 23,
              kE8m0 = 24, kUint2 = 25, kInt2 = 26;

constexpr ElementTypes kBFloat = Bit(pb::TensorProto::BFLOAT16), kHalf = Bit(pb::TensorProto::FLOAT16),
                       kBool = Bit(pb::TensorProto::BOOL), kText = Bit(pb::TensorProto::STRING);
constexpr ElementTypes kBytes = Bit(pb::TensorProto::INT8) | Bit(pb::TensorProto::UINT8);
constexpr ElementTypes kShorts = Bit(pb::TensorProto::INT16) | Bit(pb::TensorProto::UINT16);
constexpr ElementTypes kSigned = Bit(pb::TensorProto::INT8) | Bit(pb::TensorProto::INT16) |
                                 Bit(pb::TensorProto::INT32) | Bit(pb::TensorProto::INT64);
constexpr ElementTypes kFloat8 = Bit(kE4m3fn) | Bit(kE4m3fnuz) | Bit(kE5m2) | Bit(kE5m2fnuz);
constexpr ElementTypes kFourBits = Bit(kUint4) | Bit(kInt4), kFloat4 = Bit(kE2m1), kScale8 = Bit(kE8m0),
                       kTwoBits = Bit(kUint2) | Bit(kInt2);

// Marks operators that are new in the opset.
Status New(NodeEdit& edit) {
  return Unsupported(
      fmt::format("opset {} is the first with this operator", FirstOpset(edit.node.op_type())));
}

// Types that an opset below 13 lacks are left out: nodes are moved up to 13, not down from it.
constexpr std::array kChanges = std::to_array<OpsetChange>({
    {11,
     "ArgMax ArgMin AveragePool Compress Concat Constant Conv ConvTranspose DepthToSpace Equal Flatten "
     "Gather Gemm "
     "Hardmax If LogSoftmax Loop LpPool MaxPool MaxUnpool NonMaxSuppression OneHot ReduceL1 ReduceL2 "
     "ReduceLogSum "
     "ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Scan Slice Softmax "
     "Split "
     "Squeeze TopK Unsqueeze"},
    {11, "Clip", 0, ClipToInputs},
    {11, "Pad", 0, PadToInputs},
    {11, "Resize", 0, ResizeWithModes},
    {11, "Scatter", 0, ScatterElements},
    {11,
     "BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round "
     "ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert "
     "SequenceLength SplitToSequence Unique",
     0, nullptr, New},
    {12, "ArgMax ArgMin Clip Constant GatherND Max MaxPool Min Pow ReduceMax ReduceMin"},
    {12, "Dropout", 0, DropoutToInput},
    {12, "Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss", 0,
     nullptr, New},
    {13,
     "Abs Add ArgMax ArgMin Cast Ceil Clip Concat Constant DepthToSpace DequantizeLinear Div Dropout Equal "
     "Erf Exp "
     "Expand Flatten Floor Gather GatherElements GatherND Gemm Greater Identity If IsNaN LRN Less Log Loop "
     "MatMul Max "
     "Mean MeanVarianceNormalization Min Mod Mul Neg NegativeLogLikelihoodLoss NonZero Pad Pow "
     "QuantizeLinear "
     "Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
     "ReduceSumSquare Relu Reshape Resize ScatterElements ScatterND Shape Sigmoid Sign Size Slice "
     "SoftmaxCrossEntropyLoss SpaceToDepth Sqrt Sub Sum Tanh Tile Transpose"},
    {13, "Squeeze Unsqueeze ReduceSum", 0, AxesToInput},
    {13, "Split", 0, SplitToInput},
    {13, "Hardmax LogSoftmax Softmax", 0, SoftmaxOfOneAxis},
    {14, "Add Div Mul Sub", kBytes | kShorts},
    {14, "Relu", kSigned},
    {14, "CumSum", kBFloat | kHalf},
    {14, "Identity"},
    {14, "BatchNormalization", kBFloat, InferenceBatchNorm, NoTrainingMode},
    {14, "GRU LSTM RNN", 0, nullptr, WithoutLayout},
    {14, "Reshape", 0, nullptr, WithoutZeroSizes},
    {14, "HardSwish", 0, nullptr, HardSwishAsProduct},
    {14, "Trilu", 0, nullptr, New},
    {15, "BatchNormalization"},
    {15, "Pow", kBFloat},
    {15, "Shape", 0, nullptr, ShapeOfAllAxes},
    {15, "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement", 0, nullptr, New},
    {16, "GreaterOrEqual LeakyRelu LessOrEqual PRelu Where", kBFloat},
    {16, "Identity If Loop Scan"},
    {16, "RoiAlign", 0, RoiAlignMode, NoRoiAlignMode},
    {16, "ScatterElements ScatterND", 0, nullptr, WithoutReduction},
    {16, "GridSample", 0, nullptr, New},
    {17, "BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap", 0,
     nullptr, New},
    {18, "LpPool", 0, nullptr, WithoutDilations},
    {18, "Pad", 0, nullptr, PadEveryAxis},
    {18,
     "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
     "ReduceSumSquare",
     0, AxesToInput, AxesToAttribute},
    {18, "Resize", 0, nullptr, ResizeEveryAxis},
    {18, "ScatterElements ScatterND", 0, nullptr, WithoutExtremes},
    {18, "Split", 0, NumberOfOutputs, NoNumberOfOutputs},
    {18, "OptionalGetElement OptionalHasElement", 0, nullptr, OtherMeaning},
    {18, "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish", 0,
     nullptr, New},
    {19, "AveragePool", 0, nullptr, WithoutDilations},
    {19, "Pad", 0, nullptr, PadWithoutWrap},
    {19, "Resize", 0, nullptr, ResizeAsymmetric},
    {19, "DequantizeLinear", kBFloat | kHalf | kFloat8},
    {19, "QuantizeLinear", kBFloat | kHalf | kFloat8 | Bit(pb::TensorProto::INT32), nullptr, WithoutSaturate},
    {19, "Cast CastLike", kFloat8, nullptr, WithoutSaturate},
    {19, "Constant Identity If Loop Reshape Scan Shape Size", kFloat8},
    {19, "Equal", kText},
    {19, "DeformConv", 0, nullptr, New},
    {20, "GridSample", 0, GridSampleLinear, GridSampleBilinear},
    {20, "IsInf", kBFloat | kHalf | kFloat8},
    {20, "ConstantOfShape", kBFloat | kFloat8},
    {20, "ReduceMax ReduceMin", kBool},
    {20, "IsNaN", kFloat8},
    {20, "DFT", 0, DftAxisToInput, DftAxisToAttribute},
    {20, "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit", 0, nullptr, New},
    {21, "GroupNormalization", 0, PerChannelGroupNorm, PerGroupGroupNorm},
    {21, "QLinearMatMul", kBFloat | kHalf | kFloat8},
    {21, "Flatten Pad Squeeze Transpose Unsqueeze", kFloat8 | kFourBits},
    {21, "DequantizeLinear QuantizeLinear", kShorts | kFourBits, nullptr, WithoutBlocks},
    {21, "Cast CastLike Constant ConstantOfShape Identity If Loop Reshape Scan Shape Size", kFourBits},
    {22,
     "Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos Cosh DeformConv Det "
     "Dropout Elu "
     "EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish "
     "InstanceNormalization "
     "LSTM LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial NegativeLogLikelihoodLoss "
     "RNN "
     "RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign Round Selu Sin Sinh Softplus "
     "Softsign "
     "Tan ThresholdedRelu",
     kBFloat | kFloat8},
    {23, "DequantizeLinear QuantizeLinear", kFloat4, nullptr, WithoutPrecision},
    {23,
     "Cast CastLike Constant ConstantOfShape Flatten Identity If Loop Pad Reshape Scan Shape Size Squeeze "
     "Transpose "
     "Unsqueeze",
     kFloat4},
    {23, "Attention RMSNormalization RotaryEmbedding", 0, nullptr, New},
    {24, "SplitToSequence TopK", kBFloat},
    {24, "Cast CastLike", kScale8, nullptr, WithoutRoundMode},
    {24,
     "Constant ConstantOfShape DequantizeLinear Flatten Identity If Loop Pad QuantizeLinear Reshape "
     "Scan Shape Size Squeeze Transpose Unsqueeze",
     kScale8},
    {24, "Attention", 0, nullptr, OtherMeaning},
    {24, "Swish TensorScatter", 0, nullptr, New},
    {25, "Attention", 0, nullptr, OtherMeaning},
    {25,
     "Cast CastLike Constant ConstantOfShape DequantizeLinear Flatten Identity If Loop Pad QuantizeLinear "
     "Reshape "
     "Scan Shape Size Squeeze Transpose Unsqueeze",
     kTwoBits},
    {26, "BitCast CumProd", 0, nullptr, New},
    {27, "Range", kBFloat | kHalf, nullptr, WithoutStashType},
    {27, "CausalConvWithState LinearAttention", 0, nullptr, New},
});

struct ChangesByOperator {
  std::unordered_map<std::string_view, std::vector<const OpsetChange*>> changes;  // in ascending order
  std::unordered_map<std::string_view, int> first;
};

const ChangesByOperator& ByOperator() {
  static const ChangesByOperator by_operator = [] {
    ChangesByOperator made;
    for (const OpsetChange& change : kChanges) {
      std::string_view rest = change.operators;
      while (!rest.empty()) {
        const std::string_view op = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(rest.size(), op.size() + 1));
        made.changes[op].push_back(&change);
        if (change.down == New || change.down == HardSwishAsProduct) made.first[op] = change.opset;
      }
    }
    return made;
  }();
  return by_operator;
}

// A type that the node uses and the opset before the change does not have; 0: none.
int NewTypeOf(const NodeEdit& edit, ElementTypes types) {
  if (types == 0) return 0;
  for (const auto* names : {&edit.node.input(), &edit.node.output()}) {
    for (const std::string& name : *names) {
      const int type = name.empty() ? 0 : edit.graph.Facts(name).element_type;
      if (type > 0 && type < 32 && (types & Bit(type)) != 0) return type;
    }
  }
  return 0;
}

}  // namespace

std::span<const OpsetChange> OpsetChanges() { return kChanges; }

int FirstOpset(std::string_view op) {
  const auto& first = ByOperator().first;
  const auto at = first.find(op);
  return at == first.end() ? 0 : at->second;
}

Status MoveNode(NodeEdit& edit, int from, int to) {
  if (!edit.node.domain().empty() && edit.node.domain() != "ai.onnx") return {};
  const std::string op = edit.node.op_type();  // an edit may change it
  if (const int first = FirstOpset(op); first > from) {
    return InvalidFile(fmt::format(
        "opset {} has no such operator, which opset {} introduced: a runtime's own operator of that "
        "name may mean something else",
        from, first));
  }
  const auto at = ByOperator().changes.find(op);
  if (at == ByOperator().changes.end()) return {};
  const std::vector<const OpsetChange*>& changes = at->second;
  if (from < to) {
    for (const OpsetChange* change : changes) {
      if (change->opset > from && change->opset <= to && change->up) OCTAVO_TRY(change->up(edit));
    }
    return {};
  }
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if ((*change)->opset > from || (*change)->opset <= to) continue;
    if (const int type = NewTypeOf(edit, (*change)->new_types); type != 0) {
      return Unsupported(fmt::format("opset {} is the first in which this operator takes {}",
                                     (*change)->opset, OnnxTypeName(type)));
    }
    if ((*change)->down) OCTAVO_TRY((*change)->down(edit));
  }
  return {};
}

}  // namespace octavo::onnx
