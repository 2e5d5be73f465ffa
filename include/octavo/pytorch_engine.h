#pragma once

// PyTorch's engines for quantized operators (torch.backends.quantized.engine).  Their results differ in the
// last bit (docs/numbers.md).

#include <array>
#include <cstdint>
#include <string_view>

namespace octavo {

enum class Engine : std::uint8_t {
  kQnnpack,     // builds of PyTorch without FBGEMM: Debian's packages, ARM, mobile
  kQnnpackX86,  // pip's x86 packages with torch.backends.quantized.engine = "qnnpack"
  kFbgemm,      // ... "fbgemm"
  kOnednn,      // ... "onednn"
  kX86,         // ... "x86", their default: what it chooses on a CPU with AVX-512 VNNI
};
inline constexpr std::array kEngines = {Engine::kQnnpack, Engine::kQnnpackX86, Engine::kFbgemm,
                                        Engine::kOnednn, Engine::kX86};
// The engine that is meant where none is named: anyone who has pip's package can compare with it, and ONNX
// Runtime has exact forms for nearly all of its operators.  The Caffe2 dialect has the numbers of kQnnpack.
inline constexpr Engine kDefaultEngine = Engine::kQnnpackX86;

// "qnnpack", "qnnpack-x86", ...
constexpr std::string_view Name(Engine engine) {
  switch (engine) {
    case Engine::kQnnpack:
      return "qnnpack";
    case Engine::kQnnpackX86:
      return "qnnpack-x86";
    case Engine::kFbgemm:
      return "fbgemm";
    case Engine::kOnednn:
      return "onednn";
    case Engine::kX86:
      return "x86";
  }
  return "?";
}

}  // namespace octavo
