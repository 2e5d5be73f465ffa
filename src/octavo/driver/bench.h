#pragma once

// `octavo bench`: how long a model takes, and where.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/octavo.h"
#include "octavo/reference/reference.h"

namespace octavo::driver {

struct BenchOptions {
  std::vector<std::string> inputs;  // FILE[@SPEC] or SPEC, as for verify
  std::vector<std::filesystem::path> plugins;
  reference::Options reference;
  engine::Options engine;
  Limits limits;       // of which both runners' budgets are made
  double seconds = 3;  // of measuring, about
  ProgressFunction progress;
};

struct LayerTime {
  std::string name, kind;
  double seconds = 0;  // median
  double share = 0;    // of all layers together
};

struct BenchReport {
  std::string runner, arithmetic, pytorch_engine;  // as in RunReport
  bool faults_kept = false;
  std::vector<ValueReport> inputs;
  std::size_t warm_up_runs = 0, runs = 0;
  double median = 0, low = 0, high = 0, fastest = 0;  // seconds; 80 % of the runs lie from low to high
  std::vector<LayerTime> layers;                      // of the engine, in order
};

// Inputs are drawn where none are given.
Result<BenchReport> Bench(const std::filesystem::path& model, const BenchOptions& options);

}  // namespace octavo::driver
