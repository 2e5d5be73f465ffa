#include "octavo/driver/model_kind.h"

#include <fstream>

namespace octavo::driver {

bool LooksLikeOnnx(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  char head[2] = {};
  stream.read(head, sizeof head);
  return stream.gcount() == 2 && head[0] == '\x08' && head[1] > 0 && head[1] < 64;
}

}  // namespace octavo::driver
