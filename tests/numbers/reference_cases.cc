// Runs many models through the reference in one process: for the tests that compare it with PyTorch.
//
//   reference_cases [ENGINE [keep]] < CASES   with the results of that engine, "qnnpack"; keep: faults, too
//   reference_cases --convert < CASES      converts each case to both dialects as well
//   reference_cases --knows NAME...        prints the names that no kernel has
//
// A case is one line of fields with a tab between them: the model, the prefix of its output files, then for
// each input its specification and the file of its elements (row-major, little-endian, nothing else).  The
// answer is one line: "ok" and for each output its dtype, sizes, scales, zero points and axis, written as
// "quint8 [2,3] [0.5] [128] -1"; output i's elements are in the file PREFIX + i.  Or "error" and the message.
// With --convert a field comes before these: "converted" where the model can be written in the qdq dialect,
// or "refused".

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/driver/pipeline.h"
#include "octavo/reference/reference.h"

namespace octavo {
namespace {

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream text(line);
  for (std::string field; std::getline(text, field, '\t');) fields.push_back(field);
  return fields;
}

Result<Tensor> ReadTensor(const TensorType& type, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return IoError("cannot open " + path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::int64_t> sizes;
  std::int64_t count = 1;
  for (const Dim& dim : *type.shape) sizes.push_back(dim.value()), count *= dim.value();
  if (text.size() != static_cast<std::size_t>(count) * ElementSize(type.dtype)) {
    return IoError("the size of " + path + " does not fit " + type.ToString());
  }
  const auto bytes = std::as_bytes(std::span(text));
  Tensor tensor = Tensor::FromBytes(type.dtype, sizes, {bytes.begin(), bytes.end()});
  tensor.quantization = type.quantization;
  return tensor;
}

std::string Described(const Tensor& tensor) {
  const Quantization q = tensor.quantization.value_or(Quantization{});
  return fmt::format("{} [{}] [{}] [{}] {}", Name(tensor.dtype), fmt::join(tensor.sizes, ","),
                     fmt::join(q.scales, ","), fmt::join(q.zero_points, ","), q.axis.value_or(-1));
}

// Whether the qdq dialect has the model; the other one is tried for what it may do to the program.
bool Converts(const ir::Graph& graph, const Registry& registry) {
  ExportOptions options;
  options.engine = Engine::kQnnpack;
  const bool converts = driver::Convert(graph, registry, options).has_value();
  options.dialect = Dialect::kCaffe2;
  static_cast<void>(driver::Convert(graph, registry, options).has_value());
  return converts;
}

Result<std::string> RunCase(const Registry& registry, const std::vector<std::string>& fields,
                            reference::Options options, bool* converts) {
  std::vector<InputSpec> specs;
  std::vector<Tensor> inputs;
  for (std::size_t i = 2; i + 1 < fields.size(); i += 2) {
    specs.push_back(OCTAVO_TRY(InputSpec::Parse(fields[i])));
    inputs.push_back(OCTAVO_TRY(ReadTensor(specs.back().type, fields[i + 1])));
  }
  const driver::Read read = OCTAVO_TRY(driver::ReadModel(fields[0], registry, specs, Limits{}));
  if (converts) *converts = Converts(read.imported.graph, registry);
  options.budget = std::make_shared<Budget>(Limits{}, std::filesystem::file_size(fields[0]));
  const std::vector<Tensor> outputs = OCTAVO_TRY(reference::Run(read.imported.graph, inputs, options));
  std::string answer = "ok";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::vector<std::byte> bytes = outputs[i].Bytes();
    std::ofstream file(fields[1] + std::to_string(i), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    answer += "\t" + Described(outputs[i]);
  }
  return answer;
}

int Main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--knows") {
    for (int i = 2; i < argc; ++i) {
      if (!reference::Knows(argv[i])) std::cout << argv[i] << "\n";
    }
    return 0;
  }
  reference::Options options;
  const bool convert = argc > 1 && std::string(argv[1]) == "--convert";
  if (argc > 1 && !convert) {
    bool known = false;
    for (const Engine engine :
         {Engine::kQnnpack, Engine::kQnnpackX86, Engine::kFbgemm, Engine::kOnednn, Engine::kX86}) {
      if (Name(engine) == argv[1]) options.engine = engine, known = true;
    }
    if (!known) return std::cerr << "no engine: " << argv[1] << "\n", 2;
  }
  if (argc > 2 && std::string(argv[2]) == "keep") options.faults = reference::Faults::kKeep;
  auto operators = driver::LoadOperators({});
  if (!operators) return std::cerr << operators.error().ToString() << "\n", 3;
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> fields = Fields(line);
    if (fields.size() < 2 || fields.size() % 2 != 0) return std::cerr << "not a case: " << line << "\n", 2;
    bool converts = false;
    Result<std::string> answer =
        RunCase((*operators)->registry, fields, options, convert ? &converts : nullptr);
    if (convert) std::cout << (converts ? "converted" : "refused") << "\t";
    std::string text = answer ? *answer : "error\t" + answer.error().ToString();
    for (char& c : text) {
      if (c == '\n') c = '|';
    }
    std::cout << text << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace octavo

int main(int argc, char** argv) { return octavo::Main(argc, argv); }
