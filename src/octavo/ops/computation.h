#pragma once

#include <cstdint>
#include <string_view>

namespace octavo {

// What an operator does to reals, as far as its result may depend on who computes it.
enum class Computation : std::uint8_t {
  kNone,        // moves, copies, converts or makes elements; quantizes or dequantizes; asks for sizes
  kChoice,      // one of its operands, or a comparison: every runtime has the same answer
  kArithmetic,  // sums, products, quotients, roots of single elements, which IEEE 754 rounds in one way
  kFunction,    // exp, tanh, ...: approximated, in each runtime in its own way; operators that are not known
  kSum,         // sums of many reals, whose order each runtime chooses
};

// Of PyTorch's operators ("aten::relu", with or without overload) and of ONNX's ("onnx::Relu").
Computation ComputationOf(std::string_view op);

}  // namespace octavo
