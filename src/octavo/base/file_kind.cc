#include "octavo/base/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "octavo/base/protobuf_scan.h"

namespace octavo {

constexpr char kSaveTorchScript[] =
    "Octavo reads TorchScript.  In Python, with the model built and its weights loaded: "
    "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')";

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kPyTorchOnly = "Octavo converts models of PyTorch, saved with torch.jit.save.";
constexpr std::string_view kTf2Onnx =
    "Octavo converts models of PyTorch.  tf2onnx converts those of TensorFlow and Keras to ONNX.";
constexpr std::string_view kUnpack = "Unpack it, and give Octavo the model file that is in it.";
constexpr std::string_view kDownload =
    "The download failed, or it fetched the page about the file: download the file itself.";
constexpr std::string_view kCaffe2Net =
    "Octavo reads TorchScript and ONNX.  Save the PyTorch model that the net was made from with "
    "torch.jit.save, "
    "or convert the ONNX file that PyTorch's former Caffe2 exporter wrote (octavo convert).";

std::string_view AsText(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view what, hint;
};

using std::string_view_literals::operator""sv;

constexpr std::array kMagics = {
    Magic{4, "PTMF", "a flatbuffer model of PyTorch's lite interpreter", kSaveTorchScript},
    Magic{4, "ORTM", "a model in ONNX Runtime's own format",
          "Octavo reads ONNX files: use the .onnx file that it was made from."},
    Magic{4, "TFL3", "a TensorFlow Lite model", kTf2Onnx},
    Magic{4, "ET1", "an ExecuTorch program (.pte)",
          "It holds a compiled program.  Save the PyTorch model that it was made from with torch.jit.save."},
    Magic{0, "\x89HDF", "an HDF5 file, as Keras writes them", kTf2Onnx},
    Magic{0, "\x93NUMPY", "a NumPy array", "An array is an input of a model: octavo run MODEL --input x.npy"},
    Magic{0, "GGUF", "a GGUF file of llama.cpp", kPyTorchOnly},
    Magic{0, "ptrt", "a TensorRT engine",
          "It holds compiled GPU code.  Give Octavo the PyTorch or ONNX model that it was made from."},
    Magic{0, "ftrt", "a TensorRT engine",
          "It holds compiled GPU code.  Give Octavo the PyTorch or ONNX model that it was made from."},
    Magic{0, "RKNN", "an RKNN model", "Give Octavo the PyTorch model that it was made from."},
    Magic{0, "7767517\n", "an ncnn parameter file", "Give Octavo the PyTorch model that it was made from."},
    Magic{0,
          "\x7f"
          "ELF",
          "a compiled library or program", "Give Octavo the PyTorch model that it was made from."},
    Magic{0, "\x1f\x8b", "a gzip file", "Unpack it with gunzip first."},
    Magic{0, "BZh", "a bzip2 file", "Unpack it with bunzip2 first."},
    Magic{0,
          "\xfd"
          "7zXZ",
          "an xz file", "Unpack it with unxz first."},
    Magic{0, "\x28\xb5\x2f\xfd", "a zstd file", "Unpack it with unzstd first."},
    Magic{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", kUnpack},
    Magic{0, "Rar!\x1a\x07", "a RAR archive", kUnpack},
    Magic{257, "ustar", "a tar archive", kUnpack},
    Magic{0, "\x89PNG", "an image", ""},
    Magic{0, "\xff\xd8\xff", "an image", ""},
    Magic{0, "%PDF", "a PDF document", ""},
};

// ---- Protobuf

bool IsIdentifier(std::string_view text) {
  return !text.empty() && text.size() < 200 && std::ranges::all_of(text, [](char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
}

// OperatorDef: input = 1, output = 2, type = 4 ("Conv"), arg = 5.  Caffe's layers have a number as field 5.
bool LooksLikeCaffe2Operator(Bytes bytes) {
  bool type = false;
  ProtobufScan scan(bytes);
  for (int i = 0; i < 64; ++i) {
    const auto field = scan.Next();
    if (!field) break;
    if (field->number > 20 || (field->number <= 5 && field->wire != ProtobufScan::kLength)) return false;
    type |= field->number == 4 && IsIdentifier(AsText(field->content));
  }
  return type;
}

// NodeDef: name = 1, op = 2, input = 3.
bool LooksLikeTensorFlowNode(Bytes bytes) {
  ProtobufScan scan(bytes);
  const auto name = scan.Next();
  const auto op = scan.Next();
  return name && op && name->number == 1 && name->wire == ProtobufScan::kLength && op->number == 2 &&
         op->wire == ProtobufScan::kLength && IsIdentifier(AsText(op->content));
}

std::optional<FileKind> RecognizeProtobuf(Bytes bytes) {
  bool version = false, graph = false, opset = false, coreml = false, caffe = false, description = false;
  bool caffe2 = false, tensorflow = false;
  int fields = 0;
  ProtobufScan scan(bytes);
  for (; fields < 64; ++fields) {
    const auto field = scan.Next();
    if (!field) break;
    const bool length = field->wire == ProtobufScan::kLength;
    version |= field->number == 1 && !length && field->value > 0 && field->value < 64;
    graph |= field->number == 7 && length;
    opset |= field->number == 8 && length;
    description |= field->number == 2 && length;
    coreml |= field->number >= 200 && field->number <= 3000 && length;
    caffe |= field->number == 100 && length;
    caffe2 |= field->number == 2 && length && LooksLikeCaffe2Operator(field->content);
    tensorflow |= fields == 0 && field->number == 1 && length && LooksLikeTensorFlowNode(field->content);
  }
  if (fields == 0 || (scan.broken() && fields < 2)) return std::nullopt;
  using Id = FileKind::Id;
  if (version && description && coreml && !graph) {
    return FileKind{Id::kOther, "a Core ML model", "Give Octavo the PyTorch model that it was made from."};
  }
  // A net's inputs and outputs have the numbers of ONNX's graph and opset.
  if (caffe2 && !version) {
    return FileKind{Id::kOther, "a net of Caffe2 (predict_net.pb or init_net.pb)", std::string(kCaffe2Net)};
  }
  if (graph && (version || opset)) return FileKind{Id::kOnnx, "an ONNX model", ""};
  if (caffe && !version) return FileKind{Id::kOther, "a Caffe model", std::string(kPyTorchOnly)};
  if (tensorflow) return FileKind{Id::kOther, "a TensorFlow graph", std::string(kTf2Onnx)};
  if (version && description && fields <= 3 && !scan.broken() &&
      AsText(bytes).find("saved_model") != std::string_view::npos) {
    return FileKind{Id::kOther, "a TensorFlow model (saved_model.pb)", std::string(kTf2Onnx)};
  }
  return std::nullopt;
}

// ---- Text

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// UTF-8 without control characters; the last character may be cut.
bool IsText(std::string_view text) {
  int following = 0;  // bytes of a character that are still to come
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u & 0xc0) == 0x80 ? following == 0 : following != 0) return false;
    if (following > 0) {
      --following;
    } else if (u >= 0x80) {
      if (u < 0xc2 || u > 0xf4) return false;
      following = u < 0xe0 ? 1 : u < 0xf0 ? 2 : 3;
    } else if (u < 0x20 ? (c != '\n' && c != '\r' && c != '\t' && c != '\f') : u == 0x7f) {
      return false;
    }
  }
  return true;
}

bool LooksLikePython(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    const auto has = [line](std::string_view part) { return line.find(part) != std::string_view::npos; };
    const bool import_line = line.starts_with("import ") && (line.find(' ', 7) == line.npos || has(" as "));
    if (import_line || line.starts_with("#!/usr/bin/env python") ||
        (line.starts_with("from ") && has(" import ")) ||
        ((line.starts_with("def ") || line.starts_with("class ")) && has(":"))) {
      return true;
    }
    at += line.size() + 1;
  }
  return false;
}

FileKind TextKind(std::string_view text) {
  const auto kind = [](std::string_view what, std::string_view hint) {
    return FileKind{FileKind::Id::kOther, std::string(what), std::string(hint)};
  };
  if (text.starts_with("version https://git-lfs")) {
    return kind("a Git LFS pointer: a small text file in place of the model",
                "Fetch the model itself with `git lfs pull`.");
  }
  if (text.starts_with("/annex/objects/")) {
    return kind("a git-annex pointer: a small text file in place of the model",
                "Fetch the model itself with `git annex get`.");
  }
  if (text.starts_with("outs:\n") || text.starts_with("outs:\r\n")) {
    return kind("a DVC pointer: a small text file in place of the model",
                "Fetch the model itself with `dvc pull`.");
  }
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::string head = AsciiLower(text.substr(begin, 2000));
  if (head.starts_with("<!doctype html") || head.starts_with("<html") || head.starts_with("<head")) {
    return kind("a web page (HTML)", kDownload);
  }
  if (head.starts_with("<?xml") || head.starts_with("<error>") || head.starts_with("<net ")) {
    if (head.find("<net ") != std::string::npos) {
      return kind("an OpenVINO model (.xml)", "Give Octavo the PyTorch or ONNX model that it was made from.");
    }
    return kind("an XML text", kDownload);
  }
  if (head.starts_with('{') || head.starts_with('[')) return kind("a JSON text", kSaveTorchScript);
  if (LooksLikePython(text)) {
    return kind("a Python program",
                "Octavo reads the saved model, not the program that makes it.  At its end: "
                "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')");
  }
  return kind("a text", kSaveTorchScript);
}

bool LooksLikeSafetensors(std::string_view text) {
  return text.size() > 10 && text[8] == '{' && text.substr(9, 32).find('"') != std::string_view::npos &&
         text.substr(4, 4) == "\0\0\0\0"sv;
}

bool LooksLikePickle(std::string_view text) {
  return text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}

}  // namespace

std::optional<FileKind> RecognizeFile(Bytes bytes) {
  const auto kind = [](std::string_view what, std::string_view hint, FileKind::Id id = FileKind::Id::kOther) {
    return FileKind{id, std::string(what), std::string(hint)};
  };
  const std::string_view all = AsText(bytes);
  if (all.empty()) {
    return kind("empty", "The program that wrote it may have failed; save the model again.");
  }
  constexpr std::size_t kZipEnd = 22;
  if (all.starts_with("PK\3\4") || all.starts_with("PK\5\6") ||
      (all.size() >= kZipEnd && all.substr(all.size() - kZipEnd).starts_with("PK\5\6"))) {
    return kind("a zip archive, as PyTorch saves models", "", FileKind::Id::kZip);
  }
  for (const Magic& magic : kMagics) {
    if (all.size() > magic.offset && all.substr(magic.offset).starts_with(magic.bytes)) {
      return kind(magic.what, magic.hint);
    }
  }
  if (LooksLikePickle(all)) return kind("a Python pickle, as torch.save writes it", kSaveTorchScript);
  if (LooksLikeSafetensors(all)) {
    return kind("a safetensors file: tensors by name, without the model that they belong to",
                "Build the model in Python, load the file's tensors (model.load_state_dict(safetensors.torch."
                "load_file('model.safetensors'))), and save the model: "
                "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')");
  }
  if (auto protobuf = RecognizeProtobuf(bytes)) return protobuf;
  if (IsText(all.substr(0, 4096))) return TextKind(all.substr(0, 65536));
  return std::nullopt;
}

}  // namespace octavo
