#include "octavo/cli/commands.h"
#include "octavo/cli/stack.h"

int main(int argc, char** argv) {
  octavo::cli::OnLargeStack([&] { octavo::cli::RunProgram({argv + 1, argv + argc}); });
}
