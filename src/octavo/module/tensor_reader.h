#pragma once

#include <string_view>

#include "octavo/base/limits.h"
#include "octavo/module/pickle_view.h"
#include "octavo/module/storages.h"
#include "octavo/tensor.h"

namespace octavo::module {

// Makes tensors of the calls by which PyTorch pickles them.
class TensorReader {
 public:
  // `types_only`: the storages are not in the archive (traced_inputs.pkl); tensors get dtype, sizes and
  // per-tensor quantization, and no bytes.
  TensorReader(const PickleView& pickle, Storages& storages, const Limits& limits, bool types_only)
      : pickle_(pickle), storages_(storages), limits_(limits), types_only_(types_only) {}

  // Is it a function that makes a tensor ("torch._utils._rebuild_tensor_v2")?
  static bool Makes(std::string_view function);

  // The tensor that function(arguments) stands for.  `node` is where messages point.
  Result<Tensor> Read(pickle::NodeId node, std::string_view function, pickle::NodeId arguments);

 private:
  Result<Tensor> ReadCall(pickle::NodeId node, std::string_view what);
  Result<Tensor> ReadView(pickle::NodeId node, std::span<const pickle::NodeId> arguments, bool quantized);
  // `storage_bytes`: of the storage's elements that the pickle states.
  Result<DType> ReadStorage(pickle::NodeId node, Tensor& tensor, std::uint64_t& storage_bytes);
  Status CheckRequiresGrad(pickle::NodeId node, DType dtype);
  Status CheckDevice(pickle::NodeId node, std::int64_t count);
  Result<Quantization> ReadQuantization(pickle::NodeId node, const Tensor& tensor);
  Status CheckNoMathBits(pickle::NodeId node);

  const PickleView& pickle_;
  Storages& storages_;
  Limits limits_;
  bool types_only_;
  int depth_ = 0;
};

}  // namespace octavo::module
