#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

// What a model file may ask for.  Every size that a file states is checked against the bytes that are there
// and against these before memory is taken or a call recurses.
struct Limits {
  std::size_t max_records = 1 << 20;                      // files in the archive
  std::size_t max_inflated_bytes = std::size_t{1} << 30;  // of all deflated records together
  std::size_t max_inflate_ratio = 1100;                   // deflate itself cannot exceed 1032
  int max_pickle_depth = 512;                             // nesting of containers
  std::size_t max_pickle_nodes = std::size_t{1} << 24;    // values that one pickle makes
  int max_source_depth = 400;                             // nesting of brackets and blocks
  std::size_t max_syntax_nodes = std::size_t{1} << 21;
  int max_call_depth = 256;                // calls inlined into each other
  std::int64_t max_steps = 50'000'000;     // statements and expressions evaluated by the importer
  std::int64_t max_list_length = 1 << 20;  // elements of a list of the imported program
  std::size_t max_graph_nodes = 1 << 22;
  int max_rank = 64;
  std::size_t max_value_bytes = std::size_t{1} << 30;  // of one value of a run
  std::size_t max_run_bytes = std::size_t{1} << 32;    // of all values that a run holds at once
};

}  // namespace octavo
