#include "octavo/ops/exactness.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "octavo/base/bug.h"

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
     kConstruction, "integers stay"},
    {"aten::broadcast_to aten::channel_shuffle aten::chunk aten::expand* aten::flatten aten::flip* "
     "aten::index aten::index_select aten::mT aten::moveaxis aten::movedim aten::narrow* aten::numpy_T "
     "aten::permute "
     "aten::pixel_* aten::ravel aten::repeat* aten::reshape* aten::roll aten::select* aten::slice* "
     "aten::split* aten::squeeze aten::swapaxes aten::swapdims aten::t aten::tensor_split aten::tile "
     "aten::transpose aten::unbind aten::unflatten aten::unsafe_* aten::unsqueeze aten::view* "
     "aten::upsample_nearest* aten::_upsample_nearest_exact* aten::reflection_pad* aten::replication_pad* "
     "aten::_pad_circular",
     kConstruction, "integers are moved"},
    {"aten::constant_pad_nd aten::pad aten::masked_fill", kConstruction,
     "integers are moved; the number is quantized as PyTorch does"},
    {"aten::max aten::min aten::max_pool* quantized::max_pool* aten::relu aten::relu6 quantized::relu6 "
     "aten::clamp aten::clamp_max aten::clamp_min aten::clip aten::hardtanh quantized::clamp",
     kConstruction, "integers are compared"},
    {"aten::_empty_affine_quantized", kConstruction, "its numbers mean nothing"},
    // ---- What the numbers of a node decide
    {"aten::quantize_per_tensor aten::quantize_per_channel", kByNode,
     "construction: PyTorch's x (1 / s) is written; else one step, where 1 / s is no normal float32"},
    {"quantized::conv1d* quantized::conv2d* quantized::conv3d* quantized::linear*", kByNode,
     "multiplier; else one step at a tie: a bias that is computed, multipliers that are no normal "
     "float32"},
    {"quantized::conv_transpose*", kByNode, "construction; else one step at a tie: sums above 2^24"},
    {"quantized::add quantized::add_out quantized::add_relu quantized::add_relu_out", kByNode,
     "exhaustion of all pairs, or construction in float64; else one step, where PyTorch adds reals and its "
     "vector loop rounds otherwise than what is left of it"},
    {"quantized::mul quantized::mul_out quantized::mul_relu quantized::mul_relu_out", kByNode,
     "exhaustion of all pairs, or construction: the product of steps times PyTorch's multiplier"},
    {"quantized::add_scalar* quantized::mul_scalar*", kByNode, "exhaustion of all integers, or construction"},
    {"aten::cat aten::concat aten::concatenate aten::stack quantized::cat*", kByNode,
     "construction where the quantization is the same, exhaustion of all integers; else one step, for so "
     "many of them"},
    {"aten::sigmoid quantized::sigmoid aten::tanh aten::hardsigmoid quantized::hardswish quantized::elu "
     "quantized::celu aten::gelu",
     kByNode,
     "exhaustion of all integers, or construction: a table of them; else one step, where PyTorch's vector "
     "loop rounds otherwise than what is left of it"},
    {"aten::leaky_relu quantized::leaky_relu aten::threshold quantized::threshold", kByNode,
     "exhaustion of all integers; else one step, for so many of them"},
    {"quantized::prelu", kByNode,
     "exhaustion of all integers and slopes, or construction: PyTorch's products in whole numbers"},
    {"quantized::batch_norm*", kByNode,
     "exhaustion of all integers and channels, or construction in float64; else one step: parameters that "
     "are "
     "known only when the model runs"},
    {"aten::avg_pool* aten::adaptive_avg_pool* aten::_adaptive_avg_pool*", kByNode,
     "multiplier, or exhaustion of all sums, or construction; else one step, for so many of them"},
    {"aten::mean", kByNode,
     "multiplier, or exhaustion of all sums; else one step: other than the last dimensions, or channels-last "
     "tensors, whose reals float32 adds up in another order"},
    {"aten::upsample_bilinear2d aten::__interpolate", kByNode,
     "construction: PyTorch's weights and order; else one step at a tie: sizes that are not known, or "
     "channels-last tensors where the order matters"},
    // ---- What is not exact
    {"aten::upsample_linear1d aten::upsample_trilinear3d aten::upsample_bicubic2d", kByNode,
     "one step at a tie: PyTorch 1.13 has no quantized form"},
    {"aten::grid_sampler*", kNotExact, "one step at a tie: weights in float32, in another order"},
    {"quantized::softmax", kNotExact,
     "one step at a tie; none is known where the result is quint8 with 1/256 and 0"},
    {"quantized::layer_norm quantized::group_norm quantized::instance_norm", kNotExact,
     "one step at a tie: means and deviations in float32, in another order"},
    {"quantized::matmul", kNotExact, "one step at a tie: PyTorch adds up reals in float32"},
    {"aten::std", kNotExact, "one step at a tie: PyTorch adds up integers in float64"},
};

bool Fits(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

}  // namespace

void SetExactness(Registry& registry) {
  std::set<std::string> names;
  for (const OperatorRow* row : registry.rows()) names.insert(row->name.substr(0, row->name.find('.')));
  for (const RowStatement& row : kStatements) {
    for (std::string_view rest = row.operators; !rest.empty();) {
      const std::string_view pattern = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), pattern.size() + 1));
      bool found = false;
      for (const std::string& name : names) {
        if (!Fits(name, pattern)) continue;
        registry.SetExactness(name, {row.exactness, std::string(row.bound)});
        found = true;
      }
      if (!found) Bug(fmt::format("the exactness of {}, which is not registered", pattern));
    }
  }
}

}  // namespace octavo
