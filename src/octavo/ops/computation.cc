#include "octavo/ops/computation.h"

#include "octavo/ops/operator_patterns.h"

namespace octavo {
namespace {

struct OperatorsOfKind {
  Computation computation;
  std::string_view operators;  // operator_patterns.h; the first that fits counts
};

constexpr OperatorsOfKind kComputations[] = {
    {Computation::kNone,
     "aten::alias* aten::alpha_dropout aten::broadcast_to aten::_cast_* aten::channel_shuffle aten::chunk "
     "aten::clone aten::constant_pad_nd aten::contiguous aten::cpu aten::cuda aten::dequantize aten::detach* "
     "aten::dropout aten::embedding aten::_empty_affine_quantized aten::expand* aten::feature_* "
     "aten::flatten "
     "aten::flip* aten::full* aten::gather aten::index aten::index_select aten::int_repr aten::lift_fresh* "
     "aten::arange aten::masked_fill aten::meshgrid aten::moveaxis aten::movedim aten::mT aten::narrow* "
     "aten::new_* aten::numpy_T aten::one_hot aten::ones* aten::pad aten::_pad_circular aten::permute "
     "aten::pin_memory aten::pixel_* aten::positive aten::quantize_per_* aten::ravel aten::reflection_pad* "
     "aten::repeat* aten::replication_pad* aten::requires_grad* aten::reshape* aten::roll "
     "aten::scalar_tensor "
     "aten::select* aten::slice* aten::split* aten::squeeze aten::swapaxes aten::swapdims aten::t "
     "aten::tensor_split aten::tile aten::to aten::_to_copy aten::transpose aten::type_as aten::unbind "
     "aten::unflatten aten::unsafe_* aten::unsqueeze aten::_upsample_nearest_exact* aten::upsample_nearest* "
     "aten::view* aten::zeros* quantized::dropout "
     "onnx::Cast onnx::Compress onnx::Constant* onnx::DepthToSpace onnx::DequantizeLinear onnx::Expand "
     "onnx::EyeLike onnx::Flatten onnx::Gather* onnx::Identity onnx::NonZero onnx::OneHot onnx::Pad "
     "onnx::QuantizeLinear onnx::Range onnx::Reshape onnx::ReverseSequence onnx::Scatter* onnx::Shape "
     "onnx::Size onnx::Slice onnx::SpaceToDepth onnx::Split onnx::Squeeze onnx::Tile onnx::Transpose "
     "onnx::Trilu onnx::Unsqueeze"},
    {Computation::kChoice,
     "aten::abs aten::adaptive_max_pool* aten::amax aten::amin aten::__and__ aten::argmax aten::argmin "
     "aten::bitwise_* aten::cat aten::ceil aten::clamp* aten::clip aten::concat* aten::eq aten::floor "
     "aten::ge aten::greater* aten::gt aten::hardshrink aten::hardtanh aten::le aten::less* aten::logical_* "
     "aten::lt aten::max aten::max_pool* aten::maximum aten::min aten::minimum aten::ne aten::neg "
     "aten::not_equal aten::__or__ aten::relu aten::relu6 aten::round aten::sign aten::stack aten::threshold "
     "aten::where aten::__xor__ quantized::cat* quantized::clamp quantized::max_pool* quantized::relu6 "
     "quantized::threshold "
     "onnx::Abs onnx::And onnx::ArgMax onnx::ArgMin onnx::Bitwise* onnx::BitShift onnx::Ceil onnx::Clip "
     "onnx::Concat onnx::Equal onnx::Floor onnx::GlobalMaxPool onnx::Greater* onnx::IsInf onnx::IsNaN "
     "onnx::Less* onnx::Max* onnx::Min onnx::Neg onnx::Not onnx::Or onnx::ReduceMax onnx::ReduceMin "
     "onnx::Relu onnx::Round onnx::Sign onnx::TopK onnx::Where onnx::Xor"},
    {Computation::kArithmetic,
     "aten::_fake_quantize_* aten::add aten::addcdiv aten::addcmul aten::div aten::divide "
     "aten::fake_quantize_* aten::floor_divide "
     "aten::fmod aten::leaky_relu aten::lerp aten::mul aten::multiply aten::prelu aten::reciprocal "
     "aten::remainder aten::rsqrt aten::rsub aten::softshrink aten::sqrt aten::square aten::sub "
     "aten::subtract aten::true_divide quantized::add* quantized::leaky_relu quantized::mul* "
     "quantized::prelu "
     "onnx::Add onnx::Div onnx::LeakyRelu onnx::Mod onnx::Mul onnx::PRelu onnx::Reciprocal onnx::Shrink "
     "onnx::Sqrt onnx::Sub onnx::Sum onnx::ThresholdedRelu"},
    {Computation::kSum,
     "aten::_adaptive_avg_pool* aten::adaptive_avg_pool* aten::addmm aten::addmv aten::avg_pool* "
     "aten::baddbmm aten::batch_norm aten::bmm aten::conv* aten::_convolution* aten::cumsum aten::dot "
     "aten::einsum aten::frobenius_norm aten::grid_sampler* aten::group_norm aten::instance_norm "
     "aten::__interpolate aten::layer_norm aten::linalg_vector_norm aten::linear aten::log_softmax "
     "aten::_log_softmax aten::logsumexp aten::matmul aten::mean aten::mm aten::mv aten::native_* aten::norm "
     "aten::prod aten::softmax aten::_softmax aten::std aten::sum aten::upsample_* aten::var "
     "quantized::batch_norm* quantized::conv* quantized::group_norm quantized::instance_norm "
     "quantized::layer_norm quantized::linear* quantized::matmul quantized::softmax "
     "onnx::AveragePool onnx::BatchNormalization onnx::Conv* onnx::CumSum onnx::Det onnx::Einsum onnx::Gemm "
     "onnx::GlobalAveragePool onnx::GlobalLpPool onnx::GridSample onnx::GroupNormalization "
     "onnx::InstanceNormalization "
     "onnx::LayerNormalization onnx::LpNormalization onnx::MeanVarianceNormalization onnx::LRN "
     "onnx::LogSoftmax onnx::LpPool onnx::MatMul onnx::Mean onnx::Reduce* onnx::Resize onnx::Softmax "
     "onnx::Upsample"},
};

}  // namespace

Computation ComputationOf(std::string_view op) {
  const std::size_t colons = op.find("::");
  const std::string_view name = op.substr(0, op.find('.', colons == std::string_view::npos ? 0 : colons));
  for (const OperatorsOfKind& kind : kComputations) {
    bool found = false;
    ForEachPattern(kind.operators,
                   [&](std::string_view pattern) { found = found || FitsPattern(name, pattern); });
    if (found) return kind.computation;
  }
  return Computation::kFunction;
}

}  // namespace octavo
