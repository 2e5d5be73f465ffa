#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "octavo/graph.h"

namespace octavo::onnx {

// The metadata entry that says what each node of a written model was in the saved one: a JSON object of
// origins as ir::Text writes them, each with the names of its nodes.
inline constexpr const char* kOriginsKey = "octavo.origins";

// Empty where no node has an origin.  `names`: of the nodes, by index.
std::string OriginsText(const ir::Graph& graph, const std::vector<std::string>& names);

// By node name; nodes that the text does not name, and texts of another kind, are left out.
std::unordered_map<std::string, std::shared_ptr<const ir::Origin>> ParseOrigins(const std::string& text);

}  // namespace octavo::onnx
