#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/graph.h"

// Where nodes come from, as text: the doc_string of a written node, and that by which values of two graphs
// are paired.

namespace octavo::ir {

// "net.py:12 (code/__torch__/net.py:31:10)"; either alone where the other is unknown.
std::string Place(const Origin& origin);

// "quantized::conv2d_relu at net.py:12 (code/__torch__/net.py:31:10), in layer1.0.conv1".  What is unknown is
// left out.
std::string Text(const Origin& origin);

// The same without the author's line, by which origins are compared: files that were written before Octavo
// knew that line lack it.
std::string Identity(const Origin& origin);

// Text's inverse, for the doc_string of a node that is read; nullopt for a text of another kind.
std::optional<Origin> ParseOrigin(std::string_view text);

// The origin of each node; where several have the same Identity (a module that is called twice, a loop), the
// second one's place ends in " #2", and so on.  Null where a node has none.
std::vector<std::shared_ptr<const Origin>> NumberedOrigins(const Graph& graph);

}  // namespace octavo::ir
