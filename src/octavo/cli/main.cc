#include "octavo/cli/commands.h"

int main(int argc, char** argv) { octavo::cli::RunProgram({argv + 1, argv + argc}); }
