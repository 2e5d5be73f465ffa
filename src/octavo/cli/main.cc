#include <cstdio>
#include <cstdlib>

#include "octavo/cli/commands.h"
#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app("Octavo takes quantized PyTorch models out of PyTorch: TorchScript in, int8 ONNX out.",
               "octavo");
  app.set_version_flag("--version", "octavo " OCTAVO_VERSION);
  app.require_subcommand(1);
  octavo::cli::Run run;
  octavo::cli::AddExport(app, run);
  octavo::cli::AddConvert(app, run);
  octavo::cli::AddInspect(app, run);
  octavo::cli::AddRun(app, run);
  octavo::cli::AddVerify(app, run);
  octavo::cli::AddBench(app, run);
  octavo::cli::AddOps(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive as errors with the code 0.
    return app.exit(error) == 0 ? octavo::cli::kDone : octavo::cli::kUsage;
  }
  const int code = run();
  // The process gives all memory back at once, which is faster than one destructor after another.
  std::fflush(nullptr);
  std::_Exit(code);
}
