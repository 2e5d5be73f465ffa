#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"

// Which values of two graphs mean the same.  Names say nothing here: values are paired by where they came
// from.

namespace octavo::verify {

struct Pair {
  ir::ValueId a, b;
  // Of a's axes to b's: b is as a.Permuted(order).  Empty: the same order.
  std::vector<int> order;
};

// Pairs in the order of graph `a`; inputs and outputs of the graphs among them, by position.

// By the identity of each node's origin: of an imported graph what the writer would make of it
// (ir::NumberedOrigins), of one that was read from a file the doc_string.  The nodes of one text are one
// operator of the source; what is read outside of them, or is an output, are its results.
std::vector<Pair> PairByOrigin(const ir::Graph& a, const ir::Graph& b);

// By the quantization and shape of quantized values, in order: for files of other exporters, which say
// nothing of their nodes' origin.  Where one graph has more values of a kind than the other, none of them is
// paired.
std::vector<Pair> PairByQuantization(const ir::Graph& a, const ir::Graph& b);

// Whether the nodes' origins pair enough for PairByOrigin: half of a's quantized values.
bool ShareOrigins(const ir::Graph& a, const ir::Graph& b);

// Sorted by a's order, one for each value of a; inputs and outputs are added where they are missing.
std::vector<Pair> Completed(const ir::Graph& a, const ir::Graph& b, std::vector<Pair> pairs);

}  // namespace octavo::verify
