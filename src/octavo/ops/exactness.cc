#include "octavo/ops/exactness.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "octavo/base/bug.h"
#include "octavo/ops/operator_patterns.h"

namespace octavo {
namespace {

struct RowStatement {
  std::string_view operators;  // names without overload, between blanks; a last '*' stands for anything
  Exactness exactness;
  std::string_view bound;
};

using enum Exactness;

constexpr RowStatement kStatements[] = {
    // ---- Integers are moved, or stay
    {"aten::alias* aten::clone aten::contiguous aten::cpu aten::cuda aten::detach* aten::lift_fresh* "
     "aten::pin_memory aten::requires_grad* aten::to aten::_to_copy aten::type_as aten::positive "
     "aten::dropout aten::alpha_dropout aten::feature_* quantized::dropout",
     kConstruction, "integers are unchanged"},
    {"aten::broadcast_to aten::channel_shuffle aten::chunk aten::expand* aten::flatten aten::flip* "
     "aten::index aten::index_select aten::mT aten::moveaxis aten::movedim aten::narrow* aten::numpy_T "
     "aten::permute "
     "aten::pixel_* aten::ravel aten::repeat* aten::reshape* aten::roll aten::select* aten::slice* "
     "aten::split* aten::squeeze aten::swapaxes aten::swapdims aten::t aten::tensor_split aten::tile "
     "aten::transpose aten::unbind aten::unflatten aten::unsafe_* aten::unsqueeze aten::view* "
     "aten::upsample_nearest* aten::_upsample_nearest_exact* aten::reflection_pad* aten::replication_pad* "
     "aten::_pad_circular",
     kConstruction, "integers are only moved"},
    {"aten::constant_pad_nd aten::pad aten::masked_fill", kConstruction,
     "integers are only moved; the fill value is quantized as in PyTorch"},
    {"aten::max aten::min aten::relu", kConstruction, "integers are only compared"},
    {"aten::max_pool* quantized::max_pool*", kConstruction,
     "integers are only compared; as meant with both dilation and padding, where qnnpack reads other "
     "elements"},
    {"aten::relu6 quantized::relu6 aten::clamp aten::clamp_max aten::clamp_min aten::clip aten::hardtanh "
     "quantized::clamp",
     kConstruction,
     "integers are only compared; as meant behind convolutions, where qnnpack mixes up the elements"},
    {"aten::_empty_affine_quantized", kConstruction, "the elements are undefined"},
    // ---- What the numbers of a node decide
    {"aten::quantize_per_tensor aten::quantize_per_channel", kByNode,
     "construction (x * (1 / scale), as in PyTorch); off by one step if 1 / scale is not a normal float32"},
    {"quantized::conv1d* quantized::conv2d* quantized::conv3d* quantized::linear*", kByNode,
     "multiplier; off by one step at rounding ties if the bias is computed at run time or a multiplier is "
     "not a normal float32"},
    {"quantized::conv_transpose*", kByNode,
     "construction; off by one step at rounding ties if sums can exceed 2^24"},
    {"quantized::add quantized::add_out quantized::add_relu quantized::add_relu_out", kByNode,
     "exhaustion over all input pairs, or construction in float64; off by one step for the last elements of "
     "a tensor, which PyTorch may round differently"},
    {"quantized::mul quantized::mul_out quantized::mul_relu quantized::mul_relu_out", kByNode,
     "exhaustion over all input pairs, or construction (integer products times PyTorch's multiplier)"},
    {"quantized::add_scalar* quantized::mul_scalar*", kByNode,
     "exhaustion over all input values, or construction"},
    {"aten::cat aten::concat aten::concatenate aten::stack quantized::cat*", kByNode,
     "construction if the quantization is the same; else exhaustion over all input values; off by one step "
     "for a counted few"},
    {"aten::sigmoid quantized::sigmoid aten::tanh aten::hardsigmoid quantized::hardswish quantized::elu "
     "quantized::celu aten::gelu",
     kByNode,
     "exhaustion over all input values, or construction (a table of 256 results); off by one step for the "
     "last elements of a tensor, which PyTorch may round differently"},
    {"aten::leaky_relu quantized::leaky_relu aten::threshold quantized::threshold", kByNode,
     "exhaustion over all input values; off by one step for a counted few"},
    {"quantized::prelu", kByNode,
     "exhaustion over all input values and slopes, or construction (PyTorch's products, in integers)"},
    {"quantized::batch_norm*", kByNode,
     "exhaustion over all input values and channels, or construction in float64; off by one step at rounding "
     "ties if the parameters are computed at run time"},
    {"aten::avg_pool* aten::adaptive_avg_pool* aten::_adaptive_avg_pool*", kByNode,
     "multiplier, or exhaustion over all sums, or construction; off by one step for a counted few"},
    {"aten::mean", kByNode,
     "multiplier, or exhaustion over all sums; off by one step at rounding ties for dimensions other than "
     "the last ones and for channels-last tensors, where float32 numbers are added in another order"},
    {"aten::upsample_bilinear2d aten::__interpolate", kByNode,
     "construction (PyTorch's weights and order); off by one step at rounding ties if sizes are open; for "
     "channels-last images and weights that are not short fractions, where a float64 sum is rounded twice"},
    // ---- What is not exact
    {"aten::upsample_linear1d aten::upsample_trilinear3d aten::upsample_bicubic2d", kByNode,
     "may be off by one step at rounding ties: PyTorch 1.13 has no quantized version"},
    {"aten::grid_sampler*", kNotExact,
     "may be off by one step at rounding ties: float32 weights are computed in another order"},
    {"quantized::softmax", kNotExact,
     "may be off by one step at rounding ties; no difference is known if the result is quint8 with scale "
     "1/256 and "
     "zero point 0"},
    {"quantized::layer_norm quantized::group_norm quantized::instance_norm", kNotExact,
     "may be off by one step at rounding ties: float32 means and deviations are computed in another order"},
    {"quantized::matmul", kNotExact, "may be off by one step at rounding ties: PyTorch adds float32 numbers"},
    {"aten::std", kNotExact, "may be off by one step at rounding ties: PyTorch adds integers in float64"},
};

}  // namespace

void SetExactness(Registry& registry) {
  std::set<std::string> names;
  for (const OperatorRow* row : registry.rows()) names.insert(row->name.substr(0, row->name.find('.')));
  for (const RowStatement& row : kStatements) {
    ForEachPattern(row.operators, [&](std::string_view pattern) {
      bool found = false;
      for (const std::string& name : names) {
        if (!FitsPattern(name, pattern)) continue;
        registry.SetExactness(name, {row.exactness, std::string(row.bound)});
        found = true;
      }
      if (!found) Bug(fmt::format("the exactness of {}, which is not registered", pattern));
    });
  }
}

}  // namespace octavo
