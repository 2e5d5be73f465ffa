#include "octavo/reference/answer_testing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/ir/text.h"
#include "octavo/reference/reference.h"

namespace octavo::reference {

std::string Answer(std::string_view text, const Options& options) {
  const Result<ir::Graph> graph = ir::ParseGraph(text);
  if (!graph) return "text: " + graph.error().ToString();
  const Result<std::vector<Tensor>> outputs = Run(*graph, {}, options);
  if (!outputs) return "error: " + outputs.error().what();
  std::string answer;
  for (const Tensor& output : *outputs) {
    if (!answer.empty()) answer += " | ";
    answer += fmt::format("{}{{{}}}", output.type().ToString(), fmt::join(output.ToDoubles(), ", "));
  }
  return answer;
}

}  // namespace octavo::reference
