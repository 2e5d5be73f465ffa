#pragma once

#include "octavo/engine/call.h"

// Operators whose result depends on the order in which ONNX Runtime adds: `literal` with that order.
// `packed`: the second operand is stored in the model as floats, and ONNX Runtime packs it in advance.

namespace octavo::engine::literal {

// ReduceMean of float32.
Result<Prepared> Mean(Call& call, Prepared literal);
// AveragePool of float32 images.
Result<Prepared> AveragePoolOfFloats(Call& call, Prepared literal);
// Resize of mode linear over the last two dimensions, of float32, uint8 or int8.  `channels_last`: of
// integers, with weights of 1/1024.
Result<Prepared> LinearResize(Call& call, Prepared literal, bool channels_last);

// `by_channels`: ONNX Runtime reorders the image into blocks of channels, if their number allows it.
Result<Prepared> GlobalAveragePoolOfFloats(Call& call, Prepared literal, bool by_channels);
Result<Prepared> MatMulOfFloats(Call& call, Prepared literal, bool packed);
Result<Prepared> GemmOfFloats(Call& call, Prepared literal, bool packed);
Result<Prepared> ConvOfFloats(Call& call, Prepared literal, bool transposed);

}  // namespace octavo::engine::literal
