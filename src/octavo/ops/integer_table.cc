#include "octavo/ops/integer_table.h"

#include <cstddef>

#include "octavo/lower/checks.h"

namespace octavo {

Result<Value> LookUpInteger(Builder& g, Value x, const std::vector<std::int64_t>& integers,
                            const TensorType& type) {
  const auto lowest = static_cast<std::int64_t>(RangeOf(x.dtype()).low);
  // Gather counts negative indices from the end: where integers are signed, the negative ones come last.
  std::vector<std::int8_t> bytes(integers.size());
  const auto count = static_cast<std::int64_t>(integers.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = (i + lowest + count) % count;
    bytes[static_cast<std::size_t>(at)] = static_cast<std::int8_t>(integers[static_cast<std::size_t>(i)]);
  }
  const Value table = g.Constant(Tensor::From(StorageType(type.dtype), {count}, bytes), "table");
  const Value index = OCTAVO_TRY(CastTo(g, x, DType::kInt32));
  return g.As(g.Op("Gather", {table, index}, {{"axis", 0}}), type);
}

}  // namespace octavo
