#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

// What a model file may ask for.  Sizes that a file states are checked against the bytes that are there, and
// against these, before memory is taken or a call recurses.  docs/limits.md describes each of them.
struct Limits {
  // Bytes of the values that a program asks for beyond what the file and its inputs hold.  0: 4 GiB and 16
  // times the file and its inputs, but never more than half of the memory that is free.
  std::uint64_t max_memory_bytes = 0;
  // Multiply-adds of one run.  0: a million per byte of the file and its inputs, and at least 5 billion.
  std::uint64_t max_work = 0;
  std::size_t max_records = 1 << 20;  // files in the archive
  // Of all deflated records together.  0: 64 MiB and 32 times the file, at most 1 GiB.
  std::size_t max_inflated_bytes = 0;
  int max_pickle_depth = 512;                           // nesting of containers
  std::size_t max_pickle_nodes = std::size_t{1} << 24;  // values that one pickle makes
  int max_source_depth = 400;                           // nesting of brackets and blocks
  std::size_t max_syntax_nodes = std::size_t{1} << 21;  // of one source file
  int max_call_depth = 256;                             // calls inlined into each other
  std::int64_t max_steps = 50'000'000;                  // evaluated statements and expressions
  std::int64_t max_list_length = 1 << 20;               // elements of a list of the program
  // Values of lists, tuples and the like together: far above what a model needs.
  std::size_t max_values = std::size_t{1} << 22;
  // Operators of the program, once calls and loops are unrolled.  0: 2^18, and one per byte of the file.
  std::size_t max_graph_nodes = 0;
};

}  // namespace octavo
