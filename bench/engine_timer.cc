// Runs a model with one input float32[1,3,224,224].  Each line of standard input is a number of runs; prints
// their median and minimum time in milliseconds.
//   engine_timer MODEL.onnx THREADS

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/onnx/read.h"

namespace octavo {
namespace {

Status Serve(const char* path, int threads) {
  const onnx::ReadModel model = OCTAVO_TRY(onnx::Read(path));
  std::vector<float> image(std::size_t{3} * 224 * 224);
  std::mt19937 random(0);
  std::normal_distribution<float> normal;
  for (float& value : image) value = normal(random);
  const Tensor x = Tensor::Floats({1, 3, 224, 224}, image);
  engine::Options options;
  options.threads = threads;
  const auto compiled = OCTAVO_TRY(engine::CompiledModel::Compile(model.graph, {x.type()}, options));
  std::string line;
  while (std::getline(std::cin, line)) {
    std::vector<double> times;
    for (int run = std::max(1, std::atoi(line.c_str())); run > 0; --run) {
      const auto start = std::chrono::steady_clock::now();
      OCTAVO_TRY(compiled.Run({x}));
      times.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    std::cout << times[times.size() / 2] << " " << times[0] << std::endl;
  }
  return {};
}

}  // namespace
}  // namespace octavo

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: engine_timer MODEL.onnx THREADS\n";
    return 2;
  }
  const octavo::Status status = octavo::Serve(argv[1], std::atoi(argv[2]));
  if (!status) std::cerr << status.error().ToString() << "\n";
  return status ? 0 : 3;
}
