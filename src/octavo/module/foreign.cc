#include "octavo/module/foreign.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "octavo/pickle/pickle.h"

namespace octavo::module {
namespace {

constexpr std::string_view kSaveTorchScript =
    "Octavo reads TorchScript.  In Python, with the model built and its weights loaded: "
    "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')";

Error Foreign(std::string what, std::string_view hint = kSaveTorchScript) {
  return InvalidFile(std::move(what), std::string(hint));
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ModelProto begins with ir_version, a small number, and goes on with another of its fields.
bool LooksLikeOnnx(std::string_view bytes) {
  return bytes.size() > 4 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x20 &&
         std::string_view("\x12\x1a\x22\x28\x32\x3a\x42").find(bytes[2]) != std::string_view::npos;
}

// The name of what a kCall or kObject was made by.  torch.save's former format has classes as persistent ids
// ("module", class, file, source).
std::string CallableName(const pickle::Pickle& pickle, pickle::NodeId node) {
  pickle::NodeId callable = pickle.callable(node);
  if (pickle.kind(callable) == pickle::Kind::kPersistent) {
    const auto id = pickle.items(pickle.arguments(callable));
    if (id.size() < 2) return "object";
    callable = id[1];
  }
  return pickle.kind(callable) == pickle::Kind::kGlobal ? pickle.QualifiedName(callable) : "object";
}

// What torch.save was given, from the pickle that it wrote.
std::string Describe(const pickle::Pickle& pickle) {
  using pickle::Kind;
  const pickle::NodeId root = pickle.root();
  const Kind kind = pickle.kind(root);
  const std::string callable =
      kind == Kind::kCall || kind == Kind::kObject ? CallableName(pickle, root) : std::string();
  if (kind == Kind::kDict || callable == "collections.OrderedDict") {
    const auto items = pickle.items(root);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (pickle.kind(items[i]) != Kind::kString) continue;
      if (pickle.kind(items[i + 1]) == Kind::kObject) {
        return fmt::format("a checkpoint of torch.save with a pickled {} in it, not a model",
                           CallableName(pickle, items[i + 1]));
      }
    }
    return "a state_dict or checkpoint of torch.save: tensors by name, without the model that they belong to";
  }
  if (callable.starts_with("torch._utils._rebuild")) return "a tensor of torch.save, not a model";
  if (kind == Kind::kObject || kind == Kind::kCall) {
    return fmt::format(
        "a {} pickled by torch.save: it holds the weights, and of the program only the names of Python "
        "classes",
        callable);
  }
  return "a pickle of torch.save, not a model";
}

// Reads the pickle that describes the model; the bytes may hold others before it.
Error DescribePickle(const Storage& storage, const Limits& limits, bool legacy) {
  pickle::Options options{.limits = limits, .record = "data.pkl", .allowed = {}};
  Storage rest = storage;
  // The former format has a magic number, its version and the machine's properties in front.
  for (int skip = legacy ? 3 : 0; skip >= 0; --skip) {
    std::size_t end = 0;
    const auto pickle = pickle::Read(rest, options, &end);
    if (!pickle) break;
    if (skip == 0) return Foreign("this is " + Describe(*pickle));
    rest.bytes = rest.bytes.subspan(end);
  }
  return Foreign("this is a pickle, as torch.save writes it, not a TorchScript model");
}

}  // namespace

Status CheckIsArchive(std::span<const std::byte> bytes, const Limits& limits) {
  const std::string_view text = Text(bytes);
  if (text.empty()) {
    return Foreign("the file is empty", "The program that wrote it may have failed; save the model again.");
  }
  if (archive::LooksLikeZip(bytes)) return {};
  // The magic number 0x1950a86a20f9469cfc6c as the first pickle.
  if (text.starts_with("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")) {
    return DescribePickle({.bytes = bytes, .owner = nullptr}, limits, true);
  }
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) {
    return DescribePickle({.bytes = bytes, .owner = nullptr}, limits, false);
  }
  const std::string_view tag = text.size() > 8 ? text.substr(4, 4) : std::string_view();
  if (tag == "PTMF")
    return Foreign("this is a flatbuffer model of PyTorch's lite interpreter, not TorchScript");
  if (tag == "ORTM") {
    return Foreign("this is a model in ONNX Runtime's own format, not TorchScript");
  }
  if (tag == "TFL3") return Foreign("this is a TensorFlow Lite model, not TorchScript");
  if (tag == "ET12" || tag == "ET11") return Foreign("this is an ExecuTorch model, not TorchScript");
  if (text.starts_with("\x89HDF")) return Foreign("this is an HDF5 file, not TorchScript");
  if (text.starts_with("\x93NUMPY")) return Foreign("this is a NumPy array, not TorchScript");
  if (text.starts_with("\x1f\x8b")) {
    return Foreign("this is a gzip file, not TorchScript", "Unpack it with gunzip first.");
  }
  if (text.size() > 262 && text.substr(257, 5) == "ustar") {
    return Foreign("this is a tar file, not TorchScript", "Unpack it, or save the model again.");
  }
  if (text.size() > 10 && text[8] == '{' && text.substr(9, 32).find('"') != std::string_view::npos &&
      text.substr(4, 4) == std::string_view("\0\0\0\0", 4)) {
    return Foreign("this is a safetensors file: tensors by name, without the model that they belong to");
  }
  if (LooksLikeOnnx(text)) {
    return Foreign("this is an ONNX model already",
                   "A model is converted from TorchScript, as torch.jit.save writes it, not from ONNX.");
  }
  return Foreign("the file is not a TorchScript model: it is no zip archive");
}

Status CheckIsTorchScript(const archive::Archive& archive, const Limits& limits) {
  const auto names = archive.names();
  const auto any_ends = [&names](std::string_view suffix) {
    return std::any_of(names.begin(), names.end(),
                       [suffix](std::string_view name) { return name.ends_with(suffix); });
  };
  const bool has_code = archive.HasUnder("code/");
  if (has_code && archive.Has("data.pkl") && archive.Has("constants.pkl")) return {};
  if (any_ends("serialized_exported_program.json") || any_ends("models/model.json") ||
      any_ends("archive_format")) {
    return Foreign("this is a program of torch.export (.pt2), not TorchScript",
                   "Trace the module that it was exported from: torch.jit.save(torch.jit.trace(model.eval(), "
                   "example_input), 'model.pt')");
  }
  if (archive.Has("bytecode.pkl") && !has_code) {
    return Foreign("this is bytecode for PyTorch's lite interpreter (.ptl), without the model's source");
  }
  if (archive.HasUnder(".data/extern_modules")) {
    return Foreign("this is a package of torch.package, not TorchScript");
  }
  if (has_code || archive.Has("constants.pkl")) {
    const std::string_view missing = !archive.Has("data.pkl")        ? "data.pkl"
                                     : !archive.Has("constants.pkl") ? "constants.pkl"
                                                                     : "code/";
    return InvalidFile(
               fmt::format("the archive has no record {}, which every TorchScript model has", missing),
               "The file is damaged; copy or save it again.")
        .SetWhere(fmt::format("record {}{}", archive.root(), missing));
  }
  if (archive.Has("data.pkl")) {
    return DescribePickle(OCTAVO_TRY(archive.Read("data.pkl")), limits, false);
  }
  if (any_ends(".npy")) return Foreign("this is a NumPy archive (.npz), not TorchScript");
  if (any_ends("saved_model.pb") || any_ends("keras_metadata.pb") || any_ends("model.weights.h5")) {
    return Foreign("this is a TensorFlow or Keras model, not TorchScript");
  }
  return Foreign("this is a zip archive without a TorchScript model in it (no record data.pkl)");
}

}  // namespace octavo::module
