#pragma once

// What a model file holds, for `octavo inspect`.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "octavo/octavo.h"

namespace octavo::driver {

// Of an operator in a dialect: it is supported; it is not; the types of the model's inputs decide.
enum class Support { kYes, kNo, kNeedsInput };

struct Layer {
  std::string op;           // "quantized::conv2d_relu", "DequantizeLinear"
  std::string module_path;  // "layer1.0.conv1"
  std::string place;        // "code/__torch__/net.py:31:10"
  std::vector<TensorType> outputs;
  std::vector<TensorType> weights;  // types of the constants that it has of its own
  std::int64_t parameters = 0;      // their elements together
  std::uint64_t parameter_bytes = 0;
  bool perhaps = false;                  // in a branch that may not be taken
  std::map<Dialect, Support> supported;  // for TorchScript
};

struct InspectedInput {
  std::string name;
  TensorType type;  // as far as the file or --input says
  // By forward: "Tensor", "Optional[Tensor]", "int".  For ONNX: the element type where Octavo has no dtype
  // for it, "uint16".
  std::string declared;
  bool is_tensor = true;  // false: forward's argument is no input of the graph
};

struct Convertibility {
  enum class Answer { kYes, kNo, kNeedsInput };
  Dialect dialect;
  Answer answer = Answer::kYes;
  std::optional<Error> obstacle;  // unset: converts
};

// How the operators were found.
enum class Listing {
  kEvaluated,  // forward was evaluated: these are the ones that run
  kCode,  // forward's code was followed as far as types are known, branches on what is not known both ways
};

struct Inspection {
  std::string format;    // "TorchScript", "ONNX"
  std::string producer;  // "traced, PyTorch 1.13"; "octavo 0.1.0, opset 17"
  std::uint64_t file_bytes = 0;
  std::vector<InspectedInput> inputs;
  bool inputs_known = true;  // every tensor's dtype and shape
  std::vector<ValueReport> outputs;
  Listing listing = Listing::kEvaluated;
  std::vector<Layer> layers;
  std::vector<ValueReport> unread;  // tensors of more than one element that no operator of `layers` reads
  // Of the layers and the unread tensors; what several of them share counts once.
  std::int64_t parameters = 0;
  std::uint64_t parameter_bytes = 0;
  std::vector<Convertibility> converts;  // for TorchScript
  // What export would say of the model in the qdq dialect for ONNX Runtime.  Set if it converts to that; only
  // the fields about the model are filled in, not those about a file.
  std::optional<ExportReport> as_qdq;
  std::vector<std::string> warnings;
  std::string graph_text;  // only where it was asked for
};

struct InspectOptions {
  std::vector<InputSpec> inputs;
  std::vector<std::filesystem::path> plugins;
  bool graph_text = false;
  Limits limits;              // what the model may ask for
  ProgressFunction progress;  // "reading", "trying qdq"; may be empty
};

// What does not convert, and what the file does not say, is part of the answer and no error.
Result<Inspection> Inspect(const std::filesystem::path& path, const InspectOptions& options);

}  // namespace octavo::driver
