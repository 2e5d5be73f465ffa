#include "octavo/onnx/element_type.h"

#include <fmt/format.h>

namespace octavo::onnx {

namespace pb = ::onnx;

Result<pb::TensorProto::DataType> ElementType(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kQUint8:
      return pb::TensorProto::UINT8;
    case DType::kInt8:
    case DType::kQInt8:
      return pb::TensorProto::INT8;
    case DType::kInt16:
      return pb::TensorProto::INT16;
    case DType::kInt32:
    case DType::kQInt32:
      return pb::TensorProto::INT32;
    case DType::kInt64:
      return pb::TensorProto::INT64;
    case DType::kFloat16:
      return pb::TensorProto::FLOAT16;
    case DType::kFloat32:
      return pb::TensorProto::FLOAT;
    case DType::kFloat64:
      return pb::TensorProto::DOUBLE;
    case DType::kComplex64:
      return pb::TensorProto::COMPLEX64;
    case DType::kComplex128:
      return pb::TensorProto::COMPLEX128;
    case DType::kBool:
      return pb::TensorProto::BOOL;
    case DType::kBFloat16:
      return pb::TensorProto::BFLOAT16;
    case DType::kUint16:
      return pb::TensorProto::UINT16;
    case DType::kUint32:
      return pb::TensorProto::UINT32;
    case DType::kUint64:
      return pb::TensorProto::UINT64;
    case DType::kInt4:
    case DType::kUint4:
      return Unsupported(fmt::format("tensors of {} are read, but not written yet", Name(dtype)));
    default:
      return Unsupported(fmt::format("ONNX has no tensor type for {}", Name(dtype)));
  }
}

}  // namespace octavo::onnx
