#include "octavo/onnxruntime_process/onnxruntime.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "octavo/base/output_file.h"
#include "octavo/base/temporary_folder.h"
#include "octavo/npy/npy.h"
#include "octavo/onnxruntime_process/process.h"
#include "octavo/onnxruntime_process/program.h"
#include <nlohmann/json.hpp>

namespace octavo::onnxruntime_process {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kOtherPython = "Name another Python with --python EXE.";
constexpr std::size_t kLongestMessage = 400;

// "Non-zero status code returned while running Add node. Name:'layer/Add' Status Message: ..." as "Add node
// layer/Add: ...".
void ShortenNode(std::string& line) {
  constexpr std::string_view kBegin = "Non-zero status code returned while running ", kName = " Name:'",
                             kEnd = "' Status Message: ";
  const std::size_t begin = line.find(kBegin), name = line.find(kName), end = line.find(kEnd);
  if (begin == std::string::npos || name == std::string::npos || end == std::string::npos || name < begin ||
      end < name) {
    return;
  }
  const std::size_t op_begin = begin + kBegin.size(), name_begin = name + kName.size();
  std::string node = line.substr(op_begin, name - op_begin);  // "Add node."
  if (node.ends_with(".")) node.pop_back();
  if (end > name_begin) node += " " + line.substr(name_begin, end - name_begin);
  line.replace(begin, end + kEnd.size() - begin, node + ": ");
}

// Drops a place in the runtime's source: "/onnxruntime_src/.../common.h:31 int64_t onnxruntime::F(int64_t) x
// > 0 was false. ".
void DropSourcePlace(std::string& line) {
  constexpr std::string_view kSource = "/onnxruntime_src/", kFalse = " was false. ";
  const std::size_t begin = line.find(kSource);
  if (begin == std::string::npos) return;
  const std::size_t condition = line.find(kFalse, begin);
  const std::size_t end =
      condition == std::string::npos ? line.find(' ', begin) + 1 : condition + kFalse.size();
  if (end > begin) line.erase(begin, end - begin);
}

// The runtime's message in one line: without its prefix, "[ONNXRuntimeError] : 10 : INVALID_GRAPH : ",
// without places in its source, and without our temporary folder.
std::string Shortened(std::string text, const fs::path& folder) {
  for (std::size_t at = 0; (at = text.find(folder.string() + "/", at)) != std::string::npos;)
    text.erase(at, folder.string().size() + 1);
  if (text.starts_with("[ONNXRuntimeError]")) {
    std::size_t begin = 0;
    for (int i = 0; i < 3 && begin != std::string::npos; ++i) {
      begin = text.find(" : ", begin);
      if (begin != std::string::npos) begin += 3;
    }
    if (begin != std::string::npos) text.erase(0, begin);
  }
  std::string line;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) line.pop_back();
  ShortenNode(line);
  DropSourcePlace(line);
  if (line.size() <= kLongestMessage) return line;
  std::size_t end = kLongestMessage;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0U) == 0x80U) --end;
  return line.substr(0, end) + "...";
}

// A value of the first answer.
std::string Text(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string Version(const json& object) {
  const auto at = object.find("python");
  if (at == object.end() || !at->is_array()) return "?";
  std::vector<std::int64_t> numbers;
  for (const json& number : *at) {
    if (number.is_number_integer()) numbers.push_back(number.get<std::int64_t>());
  }
  return fmt::format("{}", fmt::join(numbers, "."));
}

// 1.9 is older than 1.17.
bool Older(std::string_view version, std::string_view oldest) {
  const auto numbers = [](std::string_view text) {
    std::array<int, 2> found{};
    std::size_t at = 0;
    for (const char c : text) {
      if (c == '.' && ++at < found.size()) continue;
      if (std::isdigit(static_cast<unsigned char>(c)) == 0 || found[at] > 99'999) break;
      found[at] = 10 * found[at] + (c - '0');
    }
    return found;
  };
  return numbers(version) < numbers(oldest);
}

// The bytes of a file that the process wrote: read at once, since it may change the file later.
Result<Storage> ReadAll(const fs::path& path, Memory& memory) {
  const auto cannot = [&path](int error_number) {
    return Unsupported(fmt::format("the process of ONNX Runtime did not write {}: {}",
                                   path.filename().string(), std::generic_category().message(error_number)));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return cannot(errno);
  struct Closer {
    int file;
    ~Closer() { close(file); }
  } closer{file};
  struct stat status {};
  if (fstat(file, &status) != 0) return cannot(errno);
  if (!S_ISREG(status.st_mode)) return cannot(EINVAL);
  OCTAVO_TRY(memory.Take(static_cast<std::uint64_t>(status.st_size),
                         [] { return std::string("an output of ONNX Runtime"); }));
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot(errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return *Storage::Of(std::move(bytes));
}

}  // namespace

struct OnnxRuntime::State {
  // The process is ended before the folder goes.
  std::unique_ptr<TemporaryFolder> folder;
  std::unique_ptr<Process> process;
  Description description;
  std::shared_ptr<Budget> budget;
  std::int64_t next_id = 0;

  // Something else answers; there is nothing to be had from it.
  Error Strange(std::string_view line) const {
    process->Kill();
    return Unsupported(fmt::format("{} answered \"{}\", which is not an answer of Octavo's program",
                                   description.executable, line.substr(0, 200)),
                       kOtherPython);
  }

  // The number that answers a request.
  Result<std::int64_t> Ask(const std::string& request) {
    OCTAVO_TRY(process->Send(request));
    const std::string line = OCTAVO_TRY(process->Receive());
    const json answer = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object()) return Strange(line);
    if (const auto ok = answer.find("ok"); ok != answer.end() && ok->is_number_integer())
      return ok->get<std::int64_t>();
    const auto error = answer.find("error");
    if (error == answer.end() || !error->is_string()) return Strange(line);
    const std::string message = Shortened(error->get<std::string>(), folder->path());
    const auto system = answer.find("system");
    if (system != answer.end() && system->is_boolean() && system->get<bool>())
      return IoError(fmt::format("the process of ONNX Runtime: {}", message));
    return Unsupported(fmt::format("ONNX Runtime {}: {}", description.version, message));
  }
};

std::string Description::ToString() const {
  std::vector<std::string> names;
  for (std::string name : providers) {
    constexpr std::string_view kEnd = "ExecutionProvider";
    if (name.ends_with(kEnd)) name.erase(name.size() - kEnd.size());
    names.push_back(std::move(name));
  }
  return fmt::format("onnxruntime {} ({})", version, fmt::join(names, ", "));
}

OnnxRuntime::OnnxRuntime(std::unique_ptr<State> state) : state_(std::move(state)) {}
OnnxRuntime::~OnnxRuntime() = default;

const Description& OnnxRuntime::description() const { return state_->description; }
bool OnnxRuntime::alive() const { return state_->process->alive(); }
const fs::path& OnnxRuntime::folder() const { return state_->folder->path(); }

Result<std::unique_ptr<OnnxRuntime>> OnnxRuntime::Start(const std::string& python,
                                                        std::shared_ptr<Budget> budget) {
  auto state = std::make_unique<State>();
  state->budget = std::move(budget);
  Result<fs::path> program = FindProgram(python.empty() ? "python3" : python);
  if (!program) {
    return program.error().SetHint(
        python.empty()
            ? "Install Python 3 and ONNX Runtime (pip install onnxruntime), or name a Python that has "
              "it with --python EXE."
            : "Name a Python that has the package onnxruntime (pip install onnxruntime).");
  }
  state->folder = OCTAVO_TRY(TemporaryFolder::Create());
  state->description.executable = program->string();
  state->process = OCTAVO_TRY(Process::Start(
      *program,
      {"-I", "-B", "-c", kProgram, std::to_string(Process::kChannel), state->folder->path().string()},
      state->folder->path()));
  Result<std::string> line = state->process->Receive();
  if (!line) {
    Error error = line.error();
    return error.SetHint(fmt::format("Is it Python {} or newer? {}", kOldestPython, kOtherPython));
  }
  const json answer = json::parse(*line, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return state->Strange(*line);
  const auto ok = answer.find("ok");
  const json& about = ok != answer.end() && ok->is_object() ? *ok : answer;
  Description& description = state->description;
  description.python = Version(about);
  const std::string name = fmt::format("{} (Python {})", program->string(), description.python);
  if (std::string missing = Text(about, "missing"); !missing.empty()) {
    return Unsupported(
        fmt::format("{} has no package {}", name, missing),
        fmt::format("Install it with {} -m pip install onnxruntime, or name another Python with "
                    "--python EXE.",
                    program->string()));
  }
  if (std::string broken = Text(about, "broken"); !broken.empty()) {
    return Unsupported(
        fmt::format("{} cannot import the package onnxruntime: {}", name,
                    Shortened(broken, state->folder->path())),
        fmt::format("Install it again with {} -m pip install --force-reinstall onnxruntime, or "
                    "name another Python with --python EXE.",
                    program->string()));
  }
  if (ok == answer.end()) {
    if (!about.contains("python")) return state->Strange(*line);
    return Unsupported(fmt::format("{} is too old: Python {} or newer is needed", name, kOldestPython),
                       kOtherPython);
  }
  description.version = Text(about, "onnxruntime");
  if (const auto providers = about.find("providers"); providers != about.end() && providers->is_array()) {
    for (const json& provider : *providers) {
      if (provider.is_string()) description.providers.push_back(provider.get<std::string>());
    }
  }
  if (description.version.empty() || description.providers.empty()) return state->Strange(*line);
  if (Older(description.version, kOldestOnnxRuntime)) {
    return Unsupported(
        fmt::format("{} has onnxruntime {}, which is too old: {} or newer is needed", name,
                    description.version, kOldestOnnxRuntime),
        fmt::format("Update it with {} -m pip install --upgrade onnxruntime, or name another Python with "
                    "--python EXE.",
                    program->string()));
  }
  return std::unique_ptr<OnnxRuntime>(new OnnxRuntime(std::move(state)));
}

Result<OnnxRuntime::Model> OnnxRuntime::Load(const fs::path& model) {
  std::error_code failed;
  const fs::path path = fs::absolute(model, failed);
  std::string hex;
  for (const char c : path.string()) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  const Model loaded{state_->next_id++};
  OCTAVO_TRY(state_->Ask(fmt::format("load {} {}", loaded.id, hex)));
  return loaded;
}

Result<std::vector<Tensor>> OnnxRuntime::Run(Model model, const std::vector<Tensor>& inputs) {
  const auto path = [this](std::string_view direction, std::size_t i) {
    return folder() / fmt::format("array_{}_{}.npy", direction, i);
  };
  std::error_code ignored;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto file = OCTAVO_TRY(OutputFile::Create(path("in", i)));
    OCTAVO_TRY(npy::Write(inputs[i], *file));
    OCTAVO_TRY(file->Commit());
  }
  const std::int64_t count = OCTAVO_TRY(state_->Ask(fmt::format("run {} {}", model.id, inputs.size())));
  for (std::size_t i = 0; i < inputs.size(); ++i) fs::remove(path("in", i), ignored);
  constexpr std::int64_t kMostOutputs = 1 << 20;
  if (count < 0 || count > kMostOutputs) return state_->Strange(std::to_string(count));
  std::vector<Tensor> outputs;
  Memory memory(*state_->budget);
  for (std::int64_t i = 0; i < count; ++i) {
    const fs::path file = path("out", static_cast<std::size_t>(i));
    const Storage storage = OCTAVO_TRY(ReadAll(file, memory));
    fs::remove(file, ignored);
    Result<Tensor> tensor = npy::Parse(storage);
    if (!tensor)
      return tensor.error().AddContext(fmt::format("output {} that the process of ONNX Runtime wrote", i));
    outputs.push_back(std::move(*tensor));
  }
  return outputs;
}

Status OnnxRuntime::Unload(Model model) {
  OCTAVO_TRY(state_->Ask(fmt::format("unload {}", model.id)));
  return {};
}

}  // namespace octavo::onnxruntime_process
