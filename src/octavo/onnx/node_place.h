#pragma once

#include <string>

#include <onnx.pb.h>

#include "octavo/result.h"

namespace octavo::onnx {

// Where an error or a report says that a node is: "node conv1", "the node that computes y".
std::string PlaceOf(const ::onnx::NodeProto& node);

// The error with the node's operator and place.
Error Located(Error error, const ::onnx::NodeProto& node);

}  // namespace octavo::onnx
