#include "octavo/module/foreign.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "octavo/base/file_kind.h"
#include "octavo/pickle/pickle.h"

namespace octavo::module {
namespace {

constexpr std::string_view kLoadWeights =
    "Build the model in Python, quantized as it was before (fuse, prepare, convert), load the weights into "
    "it "
    "(model.load_state_dict(torch.load('weights.pt'))), and save the model: "
    "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')";
constexpr std::string_view kLoadModule =
    "Load it in Python where its classes can be imported, and save it as TorchScript: "
    "model = torch.load('saved.pt', weights_only=False).eval(); "
    "torch.jit.save(torch.jit.trace(model, example_input), 'model.pt').  torch.load runs code that the file "
    "names: do this with files that you trust only.";
constexpr std::string_view kTraceProgram =
    "Octavo does not read .pt2 files yet.  In Python: p = torch.export.load('model.pt2'); "
    "torch.jit.save(torch.jit.trace(p.module(), p.example_inputs[0]), 'model.pt').  A program with keyword "
    "inputs cannot be traced: export the model again with torch.export.export(model, (ids, mask)), all "
    "inputs "
    "by position.";
constexpr std::string_view kQuantizeOtherwise =
    "Octavo does not read models quantized with PT2E yet.  Quantize the float model with "
    "torch.ao.quantization.quantize_fx (prepare_fx, convert_fx), and save it: "
    "torch.jit.save(torch.jit.trace(model, example_input), 'model.pt')";

Error Foreign(std::string what, std::string_view hint = kSaveTorchScript) {
  return InvalidFile(std::move(what), std::string(hint));
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Text of a file goes into a program that the user runs only if it cannot end the string.
bool IsPlainName(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
         });
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
Error Describe(const pickle::Pickle& pickle) {
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
        return Foreign(
            fmt::format("this is a checkpoint of torch.save with a pickled {} in it, not a model",
                        CallableName(pickle, items[i + 1])),
            fmt::format("Load it in Python where its classes can be imported, and save the model as "
                        "TorchScript: model = torch.load('saved.pt', weights_only=False)['{}'].eval(); "
                        "torch.jit.save(torch.jit.trace(model, example_input), 'model.pt').  "
                        "torch.load runs code that the file names: do this with files that you "
                        "trust only.",
                        IsPlainName(pickle.text(items[i])) ? pickle.text(items[i]) : "..."));
      }
    }
    return Foreign(
        "this is a state_dict or checkpoint of torch.save: tensors by name, without the model that they "
        "belong "
        "to",
        kLoadWeights);
  }
  if (callable.starts_with("torch._utils._rebuild"))
    return Foreign("this is a tensor of torch.save, not a model");
  if (kind == Kind::kObject || kind == Kind::kCall) {
    return Foreign(
        fmt::format("this is a {} pickled by torch.save: it holds the weights, and of the program only "
                    "the names of Python classes",
                    callable),
        kLoadModule);
  }
  return Foreign("this is a pickle of torch.save, not a model");
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
    if (skip == 0) return Describe(*pickle);
    rest.bytes = rest.bytes.subspan(end);
  }
  return Foreign("this is a pickle, as torch.save writes it, not a TorchScript model");
}

// A program of torch.export (.pt2), by its records; nullopt: none.
std::optional<Error> ExportedProgram(const archive::Archive& archive) {
  std::string model;
  bool compiled = false;
  for (const std::string_view full : archive.names()) {
    const std::string_view name = full.substr(full.starts_with(archive.root()) ? archive.root().size() : 0);
    compiled |= name.starts_with("data/aotinductor/");
    if (name.ends_with("serialized_exported_program.json") ||
        (name.starts_with("models/") && name.ends_with(".json"))) {
      model = name;
    }
  }
  if (model.empty() && compiled) {
    return Foreign("this is a program that AOTInductor compiled (.pt2), not a model",
                   "Give Octavo the PyTorch model that it was made from.");
  }
  if (model.empty() && !archive.Has("archive_format")) return std::nullopt;
  // PyTorch's loader needs the operators' library, and Octavo lacks them.
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  const std::optional<Storage> json = archive.ReadOptional(model, kMostBytes);
  if (json && Text(json->bytes).find("quantized_decomposed.") != std::string_view::npos) {
    return Foreign("this is a program of torch.export (.pt2) that was quantized with PT2E, not TorchScript",
                   kQuantizeOtherwise);
  }
  return Foreign("this is a program of torch.export (.pt2), not TorchScript", kTraceProgram);
}

// "coreml" of "code/torch/jit/LoweredModule/coreml/__torch__.py"; empty for other records.
std::string_view LoweredTo(std::string_view record) {
  for (const std::string_view folder : {"code/torch/jit/LoweredModule/", "code/torch/jit/LoweredWrapper/"}) {
    if (record.starts_with(folder))
      return record.substr(folder.size(), record.find('/', folder.size()) - folder.size());
  }
  return {};
}

}  // namespace

Status CheckIsArchive(std::span<const std::byte> bytes, const Limits& limits) {
  const std::string_view text = Text(bytes);
  // The magic number 0x1950a86a20f9469cfc6c as the first pickle.
  if (text.starts_with("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")) {
    return DescribePickle({.bytes = bytes, .owner = nullptr}, limits, true);
  }
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) {
    return DescribePickle({.bytes = bytes, .owner = nullptr}, limits, false);
  }
  const std::optional<FileKind> kind = RecognizeFile(bytes);
  if (!kind) {
    return Foreign(
        "this is not a TorchScript model: the file is not a zip archive, and Octavo does not recognize its "
        "kind");
  }
  if (kind->id == FileKind::Id::kZip) return {};
  if (text.empty()) return Foreign("the file is empty", kind->hint);
  if (kind->id == FileKind::Id::kOnnx) {
    return Foreign(
        "this is an ONNX model, not TorchScript",
        "`octavo convert` converts ONNX models; `octavo export` reads TorchScript, as torch.jit.save "
        "writes it.");
  }
  return Foreign(fmt::format("this is {}, not a TorchScript model", kind->what), kind->hint);
}

Status CheckIsTorchScript(const archive::Archive& archive, const Limits& limits) {
  const auto names = archive.names();
  const auto any_ends = [&names](std::string_view suffix) {
    return std::any_of(names.begin(), names.end(),
                       [suffix](std::string_view name) { return name.ends_with(suffix); });
  };
  for (const std::string_view full : names) {
    const std::string_view name = full.substr(full.starts_with(archive.root()) ? archive.root().size() : 0);
    if (const std::string_view backend = LoweredTo(name); !backend.empty()) {
      return Foreign(
          fmt::format("a part of the model was compiled for the backend {} (torch._C._jit_to_backend), "
                      "and its program is not in the file",
                      backend),
          "Save the model with torch.jit.save before it is compiled for the backend, and convert that "
          "file.");
    }
  }
  const bool has_code = archive.HasUnder("code/");
  if (has_code && archive.Has("data.pkl") && archive.Has("constants.pkl")) return {};
  if (const auto program = ExportedProgram(archive)) return *program;
  // PyTorch 1.0 to 1.3.
  if (archive.Has("model.json") && (has_code || archive.HasUnder("tensors/"))) {
    return Foreign(
        "this is a TorchScript model in the format of PyTorch 1.0 to 1.3",
        "Newer versions of PyTorch do not load it.  With the version that wrote it: "
        "torch.save(torch.jit.load('old.pt').state_dict(), 'weights.pt').  Then load these weights into "
        "the model in a newer version, and save it with torch.jit.save.");
  }
  if (archive.Has("bytecode.pkl") && !has_code) {
    return Foreign("this is bytecode for PyTorch's lite interpreter (.ptl), without the model's source",
                   "Save the model itself: torch.jit.save(torch.jit.script(model.eval()), 'model.pt')");
  }
  if (archive.HasUnder(".data/extern_modules")) {
    return Foreign(
        "this is a package of torch.package, not TorchScript",
        "Load the model in Python (torch.package.PackageImporter('package.pt').load_pickle(...)), and "
        "save it: torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')");
  }
  if (has_code || archive.Has("constants.pkl")) {
    const std::string_view missing = !archive.Has("data.pkl")        ? "data.pkl"
                                     : !archive.Has("constants.pkl") ? "constants.pkl"
                                                                     : "code/";
    return InvalidFile(
               fmt::format("the archive has no record {}, which every TorchScript model has", missing),
               "Copy or save the file again: it is damaged.")
        .SetWhere(fmt::format("record {}{}", archive.root(), missing));
  }
  if (archive.Has("data.pkl")) {
    return DescribePickle(OCTAVO_TRY(archive.Read("data.pkl")), limits, false);
  }
  if (any_ends(".npy")) {
    return Foreign("this is a NumPy archive (.npz), not a TorchScript model",
                   "Its arrays are inputs of a model: unpack it, and octavo run MODEL --input x.npy");
  }
  if (any_ends("saved_model.pb") || any_ends("keras_metadata.pb") || any_ends("model.weights.h5")) {
    return Foreign(
        "this is a TensorFlow or Keras model, not TorchScript",
        "Octavo converts models of PyTorch.  tf2onnx converts those of TensorFlow and Keras to ONNX.");
  }
  if (any_ends(".mlmodel")) {
    return Foreign("this is a Core ML model, not TorchScript",
                   "Give Octavo the PyTorch model that it was made from.");
  }
  for (const std::string_view suffix : {".pt", ".pth", ".ptl", ".onnx"}) {
    const auto inner = std::find_if(names.begin(), names.end(),
                                    [suffix](std::string_view name) { return name.ends_with(suffix); });
    if (inner != names.end()) {
      return Foreign(fmt::format("this is a zip archive with {} in it, not a TorchScript model", *inner),
                     fmt::format("Unpack it, and give Octavo {}.", *inner));
    }
  }
  return Foreign("this is a zip archive without a TorchScript model in it (no record data.pkl)");
}

}  // namespace octavo::module
