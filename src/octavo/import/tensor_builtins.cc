#include <array>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

// What a program asks of a tensor that its type answers.

namespace octavo::import {
namespace {

TensorBox* TensorOperand(const CallArguments& call) {
  return call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
}

Error UnknownType(std::string_view what) {
  return NeedsInput(fmt::format("{} of a tensor must be known here", what),
                    "Give the input's dtype and shape, as in --input 'x:float32[1,3,224,224]'.");
}

// The shape, or an error; `unknown` is set where it is no error that there is none.
Result<Shape> ShapeOf(Evaluator& evaluator, TensorBox* box, bool* unknown) {
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(box));
  *unknown = !type.shape && evaluator.Unknowable(*box);
  if (*unknown) return Shape{};
  if (!type.shape) return UnknownType("the shape");
  return *type.shape;
}

BuiltinResult Size(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  bool unknown = false;
  const Shape shape = OCTAVO_TRY(ShapeOf(evaluator, box, &unknown));
  if (unknown) return Done(Value(Unknown{}));
  if (call.size() == 1) {
    std::vector<Value> sizes;
    for (const Dim& d : shape) sizes.push_back(evaluator.arena().Number(d));
    return Done(Value(evaluator.arena().NewList(std::move(sizes))));
  }
  const Value* axis = call.Find(1, "dim");
  if (!axis) return NotMine();
  std::int64_t at = OCTAVO_TRY(KnownInt(*axis, "argument dim of size()"));
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (at < -rank || at >= rank) {
    return Unsupported(
        fmt::format("dimension {} is out of range for size() of a tensor of rank {}", at, rank));
  }
  if (at < 0) at += rank;
  return Done(evaluator.arena().Number(shape[static_cast<std::size_t>(at)]));
}

BuiltinResult Rank(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  bool unknown = false;
  const Shape shape = OCTAVO_TRY(ShapeOf(evaluator, box, &unknown));
  if (unknown) return Done(Value(Unknown{}));
  return Done(Value(static_cast<std::int64_t>(shape.size())));
}

BuiltinResult Elements(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  bool unknown = false;
  const Shape shape = OCTAVO_TRY(ShapeOf(evaluator, box, &unknown));
  if (unknown) return Done(Value(Unknown{}));
  return Done(evaluator.arena().Number(NumElements(shape)));
}

BuiltinResult SameSize(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* a = TensorOperand(call);
  TensorBox* b = call.positional.size() == 2 ? call.positional[1].Get<TensorBox*>() : nullptr;
  if (!a || !b) return NotMine();
  const Value x = OCTAVO_TRY(evaluator.CallNamed("aten::size", {.positional = {Value(a)}}));
  const Value y = OCTAVO_TRY(evaluator.CallNamed("aten::size", {.positional = {Value(b)}}));
  if (x.Is<Unknown>() || y.Is<Unknown>()) return Done(Value(Unknown{}));
  return Equal(evaluator, x, y);
}

Result<std::optional<DType>> KnownDType(Evaluator& evaluator, TensorBox* box) {
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(box));
  if (type.dtype != DType::kUnknown) return std::optional<DType>(type.dtype);
  if (evaluator.Unknowable(*box)) return std::optional<DType>();
  return UnknownType("the dtype");
}

BuiltinResult DTypeNumber(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto dtype = OCTAVO_TRY(KnownDType(evaluator, box));
  if (!dtype) return Done(Value(Unknown{}));
  return Done(Value(std::int64_t{ScalarTypeNumber(*dtype)}));
}

using DTypeQuestion = bool (*)(DType);

bool IsComplex(DType dtype) {
  return dtype == DType::kComplex32 || dtype == DType::kComplex64 || dtype == DType::kComplex128;
}
bool IsSigned(DType dtype) {
  return dtype != DType::kUint8 && dtype != DType::kBool && dtype != DType::kQUint8 &&
         dtype != DType::kQUint4x2 && dtype != DType::kQUint2x4;
}

template <DTypeQuestion question>
BuiltinResult AskDType(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto dtype = OCTAVO_TRY(KnownDType(evaluator, box));
  if (!dtype) return Done(Value(Unknown{}));
  return Done(Value(question(*dtype)));
}

BuiltinResult BytesPerElement(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto dtype = OCTAVO_TRY(KnownDType(evaluator, box));
  if (!dtype) return Done(Value(Unknown{}));
  return Done(Value(static_cast<std::int64_t>(ElementSize(*dtype))));
}

// The answer for every tensor, whatever its type: the converted model runs on one device and learns nothing.
template <bool answer>
BuiltinResult Always(Evaluator&, const CallArguments& call) {
  if (!TensorOperand(call)) return NotMine();
  return Done(Value(answer));
}

// A parameter does.  Programs ask in order to choose fused operators that have no gradient, such as
// aten::_native_multi_head_attention; the plain ones compute the same.
BuiltinResult RequiresGrad(Evaluator&, const CallArguments& call) {
  const TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  return Done(Value(box->constant != nullptr && IsFloat(box->constant->dtype)));
}

BuiltinResult DeviceOf(Evaluator& evaluator, const CallArguments& call) {
  if (const auto* name = call.positional.empty() ? nullptr : call.positional[0].Get<const std::string*>()) {
    return Done(Value(evaluator.arena().Intern(Symbol::Kind::kDevice, *name)));
  }
  if (call.positional.empty() || call.positional[0].Is<TensorBox*>()) {
    return Done(Value(evaluator.arena().Intern(Symbol::Kind::kDevice, "cpu")));
  }
  return Done(call.positional[0]);
}

BuiltinResult DeviceIndex(Evaluator&, const CallArguments& call) {
  if (!TensorOperand(call)) return NotMine();
  return Done(Value(std::int64_t{-1}));
}

BuiltinResult Zero(Evaluator&, const CallArguments& call) {
  if (!TensorOperand(call)) return NotMine();
  return Done(Value(std::int64_t{0}));
}

// Of what is given to the model, and of copies.  Others may be views, or lie in memory channels-last.
BuiltinResult IsContiguous(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  if (box->constant && call.size() == 1) return Done(Value(box->constant->contiguous()));
  if (!box->constant && !box->number && call.size() == 1) {
    const ir::NodeId producer = evaluator.graph().value(box->id).producer;
    if (producer == ir::kNoNode) return Done(Value(true));
    const ir::Node& node = evaluator.graph().node(producer);
    if (node.op == "aten::contiguous" && node.arguments.size() == 1) return Done(Value(true));
  }
  return Unsupported(
      "is_contiguous() asks how PyTorch lays a tensor out in memory, which Octavo does not follow",
      "Call contiguous() without asking.");
}

BuiltinResult Nothing(Evaluator&, const CallArguments& call) {
  if (!TensorOperand(call)) return NotMine();
  return Done(Value());
}

// x.data, x.requires_grad_(): the tensor itself.
BuiltinResult SameTensor(Evaluator&, const CallArguments& call) {
  if (!TensorOperand(call)) return NotMine();
  return Done(call.positional[0]);
}

Result<std::optional<Quantization>> QuantizationOf(Evaluator& evaluator, TensorBox* box) {
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(box));
  if (type.quantized()) return type.quantization;
  if (box->tainted || (type.dtype == DType::kUnknown && evaluator.Unknowable(*box))) {
    return std::optional<Quantization>();
  }
  return Unsupported("this tensor is not quantized");
}

BuiltinResult Scale(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  if (!quantization->per_tensor())
    return Unsupported("q_scale() is not defined for a per-channel quantized tensor");
  return Done(Value(quantization->scale()));
}

BuiltinResult ZeroPoint(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  if (!quantization->per_tensor())
    return Unsupported("q_zero_point() is not defined for a per-channel quantized tensor");
  return Done(Value(quantization->zero_point()));
}

BuiltinResult ChannelScales(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  const auto count = static_cast<std::int64_t>(quantization->scales.size());
  return Done(evaluator.NewConstant(Tensor::From(DType::kFloat64, {count}, quantization->scales), ""));
}

BuiltinResult ChannelZeroPoints(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  if (quantization->float_zero_points) {
    const auto count = static_cast<std::int64_t>(quantization->float_zeros.size());
    return Done(evaluator.NewConstant(Tensor::From(DType::kFloat64, {count}, quantization->float_zeros), ""));
  }
  return Done(evaluator.NewConstant(Tensor::Int64s(quantization->zero_points), ""));
}

BuiltinResult ChannelAxis(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  if (!quantization->axis) return Unsupported("this tensor has per-tensor quantization, so it has no axis");
  return Done(Value(std::int64_t{*quantization->axis}));
}

// torch.qscheme: per_tensor_affine 0, per_channel_affine 1, per_channel_affine_float_qparams 4.
BuiltinResult QScheme(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const auto quantization = OCTAVO_TRY(QuantizationOf(evaluator, box));
  if (!quantization) return Done(Value(Unknown{}));
  return Done(Value(std::int64_t{quantization->per_tensor() ? 0 : quantization->float_zero_points ? 4 : 1}));
}

// finfo and iinfo are not in TorchScript; promote_types and result_type are.
BuiltinResult CanCast(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  std::array<int, 2> kinds{};  // bool, integers, floats, complex
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const Value& number = call.positional[i];
    const auto dtype =
        number.Is<std::int64_t>() ? DTypeFromScalarType(number.As<std::int64_t>()) : std::nullopt;
    if (!dtype || IsQuantized(*dtype)) return NotMine();
    kinds[i] = *dtype == DType::kBool ? 0 : IsInteger(*dtype) ? 1 : IsFloat(*dtype) ? 2 : 3;
  }
  return Done(Value(kinds[0] <= kinds[1]));
}

BuiltinResult ShapeTensor(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = TensorOperand(call);
  if (!box) return NotMine();
  const Value sizes = OCTAVO_TRY(Size(evaluator, {.expr = call.expr, .positional = {Value(box)}})).value();
  if (sizes.Is<Unknown>()) return Done(sizes);
  return Done(OCTAVO_TRY(evaluator.CallNamed("aten::tensor", {.expr = call.expr, .positional = {sizes}})));
}

}  // namespace

void AddTensorBuiltins(BuiltinTable& table) {
  table["aten::size"] = table["prim::shape"] = Size;
  table["aten::dim"] = table["prim::ndim"] = table["aten::ndimension"] = Rank;
  table["aten::numel"] = table["aten::nelement"] = Elements;
  table["aten::is_same_size"] = SameSize;
  table["aten::_shape_as_tensor"] = ShapeTensor;
  table["prim::dtype"] = DTypeNumber;
  table["aten::is_floating_point"] = AskDType<IsFloat>;
  table["aten::is_complex"] = table["prim::is_complex"] = AskDType<IsComplex>;
  table["aten::is_signed"] = AskDType<IsSigned>;
  table["prim::is_quantized"] = table["aten::is_quantized"] = AskDType<IsQuantized>;
  table["aten::element_size"] = table["prim::itemsize"] = BytesPerElement;
  table["aten::can_cast"] = CanCast;
  for (const char* name :
       {"prim::is_cuda", "prim::is_sparse", "prim::is_sparse_csr", "prim::is_mkldnn", "prim::is_vulkan",
        "prim::is_meta", "prim::is_mps", "prim::is_ipu", "prim::is_xpu", "prim::is_ort", "prim::is_nested",
        "aten::is_conj", "aten::is_neg", "aten::is_inference", "aten::is_pinned"}) {
    table[name] = Always<false>;
  }
  // What PyTorch answers to is_leaf, output_nr, grad_fn and storage_offset depends on more than the elements.
  table["aten::is_contiguous"] = IsContiguous;
  table["prim::requires_grad"] = table["aten::requires_grad"] = RequiresGrad;
  table["prim::device"] = table["aten::device"] = DeviceOf;
  table["aten::get_device"] = DeviceIndex;
  table["prim::layout"] = Zero;
  table["prim::grad"] = table["prim::name"] = Nothing;
  table["prim::data"] = table["aten::data"] = table["aten::requires_grad_"] = SameTensor;
  table["aten::retain_grad"] = Nothing;
  table["aten::q_scale"] = Scale;
  table["aten::q_zero_point"] = ZeroPoint;
  table["aten::q_per_channel_scales"] = ChannelScales;
  table["aten::q_per_channel_zero_points"] = ChannelZeroPoints;
  table["aten::q_per_channel_axis"] = ChannelAxis;
  table["aten::qscheme"] = QScheme;
}

}  // namespace octavo::import
