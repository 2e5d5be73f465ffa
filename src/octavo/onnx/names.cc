#include "octavo/onnx/names.h"

#include <fmt/format.h>

#include "octavo/onnx/constant_names.h"

namespace octavo::onnx {
namespace {

using ir::ValueId;

class Namer {
 public:
  explicit Namer(const ir::Graph& graph) : graph_(graph) {}

  Result<Names> Run() {
    names_.values.resize(graph_.num_values());
    OCTAVO_TRY(NameInputsAndOutputs());
    NameNodes();
    NameConstants();
    NameResults();
    return std::move(names_);
  }

 private:
  class Spellings {
   public:
    bool Take(const std::string& name) { return taken_.insert(name).second; }
    std::string Unique(const std::string& wish) {
      if (Take(wish)) return wish;
      int& number = last_[wish];
      std::string name;
      do {
        name = fmt::format("{}_{}", wish, ++number);
      } while (!Take(name));
      return name;
    }

   private:
    std::unordered_set<std::string> taken_;
    std::unordered_map<std::string, int> last_;
  };

  Status NameInputsAndOutputs() {
    for (const ValueId input : graph_.inputs()) {
      const std::string& name = graph_.value(input).name;
      if (name.empty()) return Unsupported("an input of the graph has no name");
      if (!values_.Take(name)) {
        return Unsupported(fmt::format("two inputs of the graph are named {}", name),
                           "Rename one of the arguments of forward.");
      }
      names_.values[static_cast<std::size_t>(input.index)] = name;
    }
    for (const ir::Output& output : graph_.outputs()) {
      if (output.name.empty()) return Unsupported("an output of the graph has no name");
      if (!values_.Take(output.name)) {
        return Unsupported(fmt::format("two inputs or outputs of the graph are named {}", output.name),
                           "Give the output another name with --output-name.");
      }
      std::string& name = names_.values[static_cast<std::size_t>(output.value.index)];
      if (name.empty() && !graph_.value(output.value).constant) {
        name = output.name;
      } else {
        names_.copies.push_back({{}, output.value, output.name});
      }
    }
    return {};
  }

  void NameNodes() {
    Spellings nodes;
    for (const ir::Node& node : graph_.nodes()) {
      const std::size_t colons = node.op.rfind("::");
      names_.nodes.push_back(nodes.Unique(
          !node.name.empty() ? node.name : node.op.substr(colons == std::string::npos ? 0 : colons + 2)));
    }
    for (CopiedOutput& copy : names_.copies) copy.node_name = nodes.Unique(copy.to + "/Identity");
  }

  void NameConstants() {
    const std::vector<int> uses = graph_.CountUses();
    const std::vector<std::string> wanted = NamesOfConstants(graph_, names_.nodes);
    // Constants that have a name keep it, whatever name the others would get.
    for (const bool named : {true, false}) {
      for (std::size_t i = 0; i < graph_.num_values(); ++i) {
        const ir::Value& value = graph_.value(ValueId{static_cast<std::int32_t>(i)});
        if (!value.constant || uses[i] == 0 || value.name.empty() == named) continue;
        const std::string& name = named ? value.name : wanted[i];
        names_.values[i] = values_.Unique(name.empty() ? fmt::format("constant_{}", i) : name);
      }
    }
  }

  // What nodes make, except the graph's outputs, which have names already.
  void NameResults() {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      const ir::Node& node = graph_.nodes()[i];
      for (std::size_t k = 0; k < node.outputs.size(); ++k) {
        if (!node.outputs[k].valid()) continue;
        std::string& output = names_.values[static_cast<std::size_t>(node.outputs[k].index)];
        if (!output.empty()) continue;
        const std::string& given = graph_.value(node.outputs[k]).name;
        output = values_.Unique(given.empty() ? fmt::format("{}_output_{}", names_.nodes[i], k) : given);
      }
    }
  }

  const ir::Graph& graph_;
  Names names_;
  Spellings values_;
};

}  // namespace

Result<Names> NameValues(const ir::Graph& graph) { return Namer(graph).Run(); }

}  // namespace octavo::onnx
