#include "octavo/fuzz/bytes.h"
#include "octavo/fuzz/mutators.h"

namespace octavo::fuzz {
namespace {

const std::string kNpyWords[] = {"descr", "fortran_order", "shape", "|u1", "<i8",
                                 ">f4",   "<f2",           "|b1",   "|O",  "<c8"};

}  // namespace

// The magic bytes, a version (2), the header's length (2 bytes in version 1, else 4), the header, the
// elements.
std::string MutateNpy(std::string_view npy, Dice& dice) {
  const bool has_version = npy.size() > 10 && npy.starts_with("\x93NUMPY");
  const int length_bytes = has_version && npy[6] == 1 ? 2 : 4;
  const std::size_t begin = 8 + static_cast<std::size_t>(length_bytes);
  if (!has_version || npy.size() < begin || dice.OneIn(8))
    return dice.Bytes(std::string(npy), npy.size() + 64);
  const std::size_t size = LittleEndian(npy.substr(8, begin - 8));
  if (size > npy.size() - begin) return dice.Bytes(std::string(npy), npy.size() + 64);
  std::string header(npy.substr(begin, size)), elements(npy.substr(begin + size));
  if (dice.OneIn(4)) {
    const std::size_t longest = elements.size() + 64;
    elements = dice.Bytes(std::move(elements), longest);
  } else {
    header = MutateText(header, kNpyWords, dice);
  }
  std::string out(npy.substr(0, 8));
  PutLittleEndian(out, header.size(), length_bytes);
  return out + header + elements;
}

}  // namespace octavo::fuzz
