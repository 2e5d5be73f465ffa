#include "octavo/module/weights.h"

#include <unordered_set>
#include <utility>

namespace octavo::module {
namespace {

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

class Collector {
 public:
  void Add(const Value& value, const std::string& path) {
    const auto& v = value.v;
    if (const auto* tensor = std::get_if<Tensor>(&v)) {
      AddTensor(*tensor, path);
    } else if (const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&v)) {
      AddTensor((*packed)->weight, Join(path, "weight"));
      if ((*packed)->bias) AddTensor(*(*packed)->bias, Join(path, "bias"));
    } else if (const auto* list = std::get_if<std::shared_ptr<List>>(&v)) {
      if (Enter(list->get())) AddItems((*list)->items, path);
    } else if (const auto* tuple = std::get_if<std::shared_ptr<Tuple>>(&v)) {
      if (Enter(tuple->get())) AddItems((*tuple)->items, path);
    } else if (const auto* dict = std::get_if<std::shared_ptr<Dict>>(&v)) {
      if (!Enter(dict->get())) return;
      for (const auto& [key, item] : (*dict)->items) {
        const auto* text = std::get_if<std::string>(&key.v);
        Add(item, text ? Join(path, *text) : path);
      }
    } else if (const auto* object = std::get_if<std::shared_ptr<Object>>(&v)) {
      if (Enter(object->get())) AddObject(**object, path);
    }
  }
  void AddObject(const Object& object, const std::string& path) {
    for (const auto& [name, item] : object.attributes) Add(item, Join(path, name));
    if (object.state) Add(*object.state, path);
  }

  std::vector<Weight> weights;

 private:
  bool Enter(const void* container) { return entered_.insert(container).second; }
  void AddItems(const std::vector<Value>& items, const std::string& path) {
    for (std::size_t i = 0; i < items.size(); ++i) Add(items[i], Join(path, std::to_string(i)));
  }
  void AddTensor(const Tensor& tensor, const std::string& name) {
    const void* elements = ElementsOf(tensor);
    if (elements && entered_.insert(elements).second) weights.push_back({name, &tensor});
  }

  std::unordered_set<const void*> entered_;
};

}  // namespace

std::vector<Weight> WeightsOf(const Module& module) {
  Collector collector;
  if (module.root) collector.AddObject(*module.root, "");
  for (std::size_t i = 0; i < module.constants.size(); ++i) {
    collector.Add(module.constants[i], "CONSTANTS.c" + std::to_string(i));
  }
  return std::move(collector.weights);
}

const void* ElementsOf(const Tensor& tensor) {
  if (!tensor.storage || tensor.num_elements() == 0) return nullptr;
  return tensor.storage->bytes.data() + static_cast<std::size_t>(tensor.offset) * ElementSize(tensor.dtype);
}

}  // namespace octavo::module
