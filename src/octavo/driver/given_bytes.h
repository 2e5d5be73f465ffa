#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "octavo/graph.h"
#include "octavo/tensor.h"

// How much a model's file and its inputs hold, by which what its program may take is measured.

namespace octavo::driver {

// 0 for what is no file.
std::uint64_t FileBytes(const std::filesystem::path& path);
std::uint64_t BytesOf(const std::vector<Tensor>& tensors);
// Of a graph's constants, each stored element once.
std::uint64_t StoredBytes(const ir::Graph& graph);

}  // namespace octavo::driver
