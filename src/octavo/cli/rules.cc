#include "octavo/cli/rules.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "octavo/base/file_id.h"
#include "octavo/base/output_target.h"
#include "octavo/driver/model_kind.h"

namespace octavo::cli {
namespace {

namespace fs = std::filesystem;

bool Given(const CLI::App& command, const std::string& option) {
  const CLI::Option* known = command.get_option_no_throw(option);
  return known != nullptr && known->count() > 0;
}

Error DoesNotGoWith(const std::string& option, const std::string& other, const std::string& why) {
  return UsageError(fmt::format("{} does not go with {}: {}", option, other, why));
}

fs::file_type TypeOf(const std::string& path) {
  std::error_code ignored;
  return fs::status(path, ignored).type();
}

}  // namespace

Status CheckConversion(const CLI::App& command, Dialect dialect) {
  if (dialect == Dialect::kCaffe2) {
    if (Given(command, "--target")) {
      return DoesNotGoWith("--target", "--dialect caffe2", "its operators run in Caffe2 only");
    }
    return {};
  }
  if (Given(command, "--per-channel-weights")) {
    return DoesNotGoWith("--per-channel-weights", "--dialect qdq",
                         "qdq keeps one scale per channel; the option is for caffe2");
  }
  return {};
}

Status CheckExactIsPossible(const CLI::App& command, Dialect dialect, Target target, Numbers numbers) {
  if (!Given(command, "--numbers") || numbers != Numbers::kExact) return {};
  constexpr const char* kWhy =
      "Octavo can prove exactness for ONNX Runtime only; leave --numbers out for the closest known form";
  if (dialect == Dialect::kCaffe2) return DoesNotGoWith("--numbers exact", "--dialect caffe2", kWhy);
  if (target != Target::kOnnxRuntime) {
    return DoesNotGoWith("--numbers exact", fmt::format("--target {}", Name(target)), kWhy);
  }
  return {};
}

Status CheckRunner(const CLI::App& command, const std::string& file) {
  // What cannot be read gets an error of its own.
  if (TypeOf(file) != fs::file_type::regular) return {};
  const bool onnx = driver::LooksLikeOnnx(file);
  const auto refuse = [&](std::initializer_list<const char*> options, const char* kind,
                          const char* other) -> Status {
    for (const char* option : options) {
      if (Given(command, option))
        return UsageError(fmt::format("{} is for {}, and {} is {}", option, kind, file, other));
    }
    return {};
  };
  if (onnx) {
    OCTAVO_TRY(refuse({"--engine", "--faults", "--plugin"}, "saved PyTorch models", "an ONNX model"));
    // An ONNX model says its inputs' types, and converts with another command.
    if (command.get_name() != "inspect") return {};
    return refuse({"--input", "--check", "--dialect"}, "saved PyTorch models", "an ONNX model");
  }
  const bool verify = command.get_name() == "verify";  // the second model is an ONNX model
  if (!verify) {
    OCTAVO_TRY(refuse({"--arithmetic", "--no-fuse", "--threads"}, "ONNX models", "not an ONNX model"));
    if (command.get_name() == "bench")
      OCTAVO_TRY(refuse({"--all"}, "ONNX models, whose layers are measured", "not an ONNX model"));
  }
  return {};
}

Status CheckEngine(const CLI::App& command) {
  if (Given(command, "--no-fuse") && Given(command, "--threads")) {
    return DoesNotGoWith("--threads", "--no-fuse", "nodes are evaluated one by one, in one thread");
  }
  return {};
}

Status CheckRuntime(const CLI::App& command, driver::VerifyRuntime runtime, Dialect dialect) {
  if (runtime == driver::VerifyRuntime::kOctavo) {
    if (!Given(command, "--python")) return {};
    return UsageError("--python has no effect without --runtime onnxruntime, which it is for");
  }
  for (const char* option : {"--arithmetic", "--no-fuse", "--threads"}) {
    if (Given(command, option)) {
      return DoesNotGoWith(option, "--runtime onnxruntime",
                           "it is for Octavo's engine, and ONNX Runtime runs with its default options");
    }
  }
  if (dialect == Dialect::kCaffe2) {
    return DoesNotGoWith("--dialect caffe2", "--runtime onnxruntime", "its operators run in Caffe2 only");
  }
  return {};
}

Status CheckInputFile(const std::string& path) {
  if (path.empty()) return UsageError("the name of the model is empty");
  if (path == "-") {
    return UsageError("\"-\" is not the name of a file, and Octavo does not read a model from a pipe",
                      "Give the name of a file; /dev/stdin is read where a file is redirected to it.");
  }
  return {};
}

Status CheckOutputFile(const std::string& path) {
  if (path == "-") {
    return UsageError("-o - is not supported: Octavo writes a model to a file, not to standard output",
                      "Give the name of a file, such as -o model.onnx.");
  }
  const fs::file_type type = TypeOf(path);
  // Directories get the same answer as other files that cannot be written.
  if (type == fs::file_type::not_found || type == fs::file_type::none || type == fs::file_type::regular ||
      type == fs::file_type::directory || path == "/dev/null") {
    OCTAVO_TRY(OutputTarget(path));
    struct stat status {};
    if (type == fs::file_type::regular && fstat(STDOUT_FILENO, &status) == 0 &&
        IdOf(fs::path(path)) == IdOf(status)) {
      return UsageError(fmt::format("the report on standard output goes to the output file {}, too", path),
                        "Send standard output to another file, or leave that out.");
    }
    return {};
  }
  const char* what = type == fs::file_type::fifo     ? "a pipe"
                     : type == fs::file_type::socket ? "a socket"
                                                     : "a device";
  return IoError(
      fmt::format("cannot write {}: it is {}, and a model is written to a regular file", path, what));
}

Status CheckOutputFolder(const std::string& option, const std::string& path) {
  if (path.empty()) return {};
  if (path == "-") {
    return UsageError(fmt::format("{} - is not supported: it takes the name of a folder", option),
                      fmt::format("Give the name of a folder, such as {} results.", option));
  }
  const fs::file_type type = TypeOf(path);
  if (type == fs::file_type::not_found || type == fs::file_type::none || type == fs::file_type::directory)
    return {};
  return IoError(fmt::format("{} {}: it is not a folder", option, path), "Give the name of a folder.");
}

Status CheckNewFolder(const std::string& option, const std::string& path) {
  OCTAVO_TRY(CheckOutputFolder(option, path));
  std::error_code failed;
  if (path.empty() || TypeOf(path) != fs::file_type::directory || fs::is_empty(path, failed) || failed)
    return {};
  return IoError(fmt::format("{} {}: the folder is not empty", option, path),
                 "Give the name of a new folder.");
}

Status CheckArrays(const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (input != "-" && !input.starts_with("-@")) continue;
    return UsageError("--input - is not supported: Octavo does not read an array from a pipe",
                      "Give the name of a file: --input x.npy.");
  }
  return {};
}

}  // namespace octavo::cli
