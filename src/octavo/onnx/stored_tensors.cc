#include "octavo/onnx/stored_tensors.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "octavo/base/output_file.h"
#include "octavo/onnx/every_tensor.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/model_files.h"

namespace octavo::onnx {

namespace pb = ::onnx;

StoredTensors::StoredTensors(TensorReader& tensors, std::filesystem::path output, FileIds inputs,
                             Budget& budget)
    : tensors_(tensors),
      output_(std::move(output)),
      data_path_(ModelFiles::DataPath(output_)),
      inputs_(std::move(inputs)),
      budget_(budget) {}

void StoredTensors::Store(pb::TensorProto& tensor, std::span<const std::byte> bytes,
                          std::shared_ptr<const void> owner) {
  const auto [at, added] = offsets_.try_emplace({bytes.data(), bytes.size()}, 0);
  if (added) {
    const std::uint64_t alignment = ExternalAlignment(bytes.size());
    at->second = (end_ + alignment - 1) / alignment * alignment;
    end_ = at->second + bytes.size();
  }
  const std::uint64_t offset = at->second;
  stored_.push_back({bytes, std::move(owner), offset, &tensor, !added});
  SetExternal(tensor, data_path_.filename().string(), offset, bytes.size());
}

Status StoredTensors::PlaceExternal(pb::TensorProto& tensor, ExternalData external_data) {
  if (tensor.data_location() != pb::TensorProto::EXTERNAL) return {};
  ExternalBytes found = OCTAVO_TRY(tensors_.External(tensor));
  if (external_data == ExternalData::kNever) return TakeIn(tensor, found);
  Store(tensor, found.bytes, std::move(found.file));
  if (change_.empty()) change_ = fmt::format("tensors lie in {}", data_path_.filename().string());
  return {};
}

Status StoredTensors::TakeIn(pb::TensorProto& tensor, const ExternalBytes& found) {
  if (read_.insert(found.file.get()).second) budget_.AddGiven(found.file->bytes().size());
  // In the message, and in the file's bytes.
  OCTAVO_TRY(budget_.TakeMemory(2 * found.bytes.size(), [&] { return "the tensor " + tensor.name(); }));
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.set_raw_data(std::string(reinterpret_cast<const char*>(found.bytes.data()), found.bytes.size()));
  change_ = "all tensors are in the model file";
  return {};
}

// Only initializers: attributes cannot lie in another file in every runtime.
void StoredTensors::MoveLarge(pb::GraphProto& graph) {
  for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
    if (!tensor.has_raw_data() || tensor.raw_data().size() < kMinExternalBytes) continue;
    const auto bytes = std::make_shared<const std::string>(std::move(*tensor.mutable_raw_data()));
    tensor.clear_raw_data();
    Store(tensor, std::as_bytes(std::span(*bytes)), bytes);
    change_ = fmt::format("large tensors lie in {}", data_path_.filename().string());
  }
  for (pb::NodeProto& node : *graph.mutable_node()) {
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) MoveLarge(*attribute.mutable_g());
      for (pb::GraphProto& body : *attribute.mutable_graphs()) MoveLarge(body);
    }
  }
}

Status StoredTensors::Place(pb::ModelProto& model, ExternalData external_data) {
  OCTAVO_TRY(ForEachTensor(
      model, [&](pb::TensorProto& tensor) -> Status { return PlaceExternal(tensor, external_data); }));
  if (external_data == ExternalData::kAlways) MoveLarge(*model.mutable_graph());
  return {};
}

Result<WriteResult> StoredTensors::Write(pb::ModelProto& model, std::span<const std::byte> as_given,
                                         const std::function<void(double)>& progress) const {
  std::string text;
  if (as_given.empty()) {
    const std::size_t size = model.ByteSizeLong();
    if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      return Unsupported(fmt::format("the model needs {:.2f} GB, but an ONNX file is limited to 2 GB",
                                     static_cast<double>(size) / 1e9),
                         "Use --external-data always, which stores the weights in a second file.");
    }
    if (!model.SerializeToString(&text)) return InvalidFile("the model cannot be written");
    as_given = std::as_bytes(std::span(text));
  }
  if (progress) progress(0);
  WriteResult result;
  const auto files = OCTAVO_TRY(ModelFiles::Create(output_, !stored_.empty(), inputs_));
  if (!stored_.empty()) {
    for (const Stored& tensor : stored_) {
      if (tensor.again) continue;
      OCTAVO_TRY(files->data().PadTo(ExternalAlignment(tensor.bytes.size())));
      OCTAVO_TRY(files->data().Write(tensor.bytes));
    }
    result.external_bytes = files->data().size();
  }
  const std::string usual = data_path_.filename().string();
  OCTAVO_TRY(files->Commit([&](OutputFile& file, const std::string& location) -> Status {
    if (location.empty() || location == usual) return file.Write(as_given);
    SetLocation(location);
    std::string other;
    const bool written = model.SerializeToString(&other);
    SetLocation(usual);
    if (!written) return InvalidFile("the model cannot be written");
    return file.Write(other);
  }));
  result.bytes = files->model_bytes();
  if (progress) progress(1);
  return result;
}

void StoredTensors::SetLocation(const std::string& file) const {
  for (const Stored& tensor : stored_) SetExternal(*tensor.tensor, file, tensor.offset, tensor.bytes.size());
}

}  // namespace octavo::onnx
