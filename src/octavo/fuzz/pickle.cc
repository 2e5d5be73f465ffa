#include <array>
#include <optional>
#include <vector>

#include "octavo/fuzz/bytes.h"
#include "octavo/fuzz/mutators.h"

namespace octavo::fuzz {
namespace {

constexpr char kFrame = '\x95';

// How an opcode's argument is written.
struct Form {
  int length_bytes = 0;  // of the length before a string
  int fixed_bytes = 0;
  int lines = 0;
};

std::optional<Form> FormOf(char opcode) {
  switch (static_cast<unsigned char>(opcode)) {
    case 'K':
    case 'h':
    case 'q':
    case 0x80:
      return Form{.fixed_bytes = 1};
    case 'M':
      return Form{.fixed_bytes = 2};
    case 'J':
    case 'j':
    case 'r':
      return Form{.fixed_bytes = 4};
    case 'G':
    case 0x95:
      return Form{.fixed_bytes = 8};
    case 'U':
    case 'C':
    case 0x8a:
    case 0x8c:
      return Form{.length_bytes = 1};
    case 'T':
    case 'X':
    case 'B':
    case 0x8b:
      return Form{.length_bytes = 4};
    case 0x8d:
    case 0x8e:
    case 0x96:
      return Form{.length_bytes = 8};
    case 'c':
      return Form{.lines = 2};
    case 'I':
    case 'F':
    case 'L':
    case 'S':
    case 'V':
    case 'g':
    case 'p':
    case 'P':
      return Form{.lines = 1};
    default:
      return Form{};
  }
}

struct Instruction {
  char opcode;
  std::string argument;  // without its length
};

std::optional<std::vector<Instruction>> Instructions(std::string_view pickle) {
  std::vector<Instruction> instructions;
  while (!pickle.empty()) {
    Instruction next{.opcode = pickle[0], .argument = {}};
    const Form form = *FormOf(pickle[0]);
    pickle.remove_prefix(1);
    std::size_t size = static_cast<std::size_t>(form.fixed_bytes);
    if (form.length_bytes > 0) {
      const auto width = static_cast<std::size_t>(form.length_bytes);
      if (pickle.size() < width) return std::nullopt;
      size = LittleEndian(pickle.substr(0, width));
      pickle.remove_prefix(width);
    }
    for (int line = 0; line < form.lines; ++line) {
      const std::size_t end = pickle.find('\n', size);
      if (end == std::string_view::npos) return std::nullopt;
      size = end + 1;
    }
    if (pickle.size() < size) return std::nullopt;
    next.argument = pickle.substr(0, size);
    pickle.remove_prefix(size);
    // Frames are written anew.
    if (next.opcode != kFrame) instructions.push_back(std::move(next));
  }
  return instructions;
}

std::string Pickle(const std::vector<Instruction>& instructions) {
  std::string out;
  for (const auto& [opcode, argument] : instructions) {
    out += opcode;
    PutLittleEndian(out, argument.size(), FormOf(opcode)->length_bytes);
    out += argument;
  }
  return out;
}

// Those without an argument.
constexpr std::string_view kPlain = "(.012NQRabde]}lstu)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94";
constexpr std::array<std::uint64_t, 16> kIntegers = {
    0,   1,   2,   3,     4,          8,          16,         127,
    128, 255, 256, 65535, 0x7fffffff, 0x80000000, 0xffffffff, std::uint64_t{1} << 63};

void MutateArgument(Instruction& instruction, Dice& dice) {
  const Form form = *FormOf(instruction.opcode);
  std::string& argument = instruction.argument;
  if (form.fixed_bytes > 0) {
    std::uint64_t value = LittleEndian(argument);
    switch (dice.Below(3)) {
      case 0:
        value = dice.Pick(kIntegers);
        break;
      case 1:
        value += dice.OneIn(2) ? 1 : ~std::uint64_t{0};
        break;
      default:
        value = dice.Below(16);
    }
    argument.clear();
    PutLittleEndian(argument, value, form.fixed_bytes);
  } else if (form.length_bytes > 0) {
    const std::size_t max = form.length_bytes == 1 ? 255 : argument.size() + 64;
    argument = dice.Bytes(std::move(argument), max);
  } else if (form.lines > 0) {
    // The line breaks stay, so that the instruction ends where it did.
    const std::size_t at = dice.Below(argument.size());
    if (argument[at] != '\n') argument[at] = static_cast<char>(' ' + dice.Below(95));
  } else {
    instruction.opcode = dice.Pick(kPlain);
  }
}

void MutateInstructions(std::vector<Instruction>& instructions, Dice& dice) {
  const auto at = [&](std::size_t i) { return instructions.begin() + static_cast<std::ptrdiff_t>(i); };
  const std::size_t a = dice.Below(instructions.size()), b = dice.Below(instructions.size());
  switch (dice.Below(8)) {
    case 0:
      instructions.erase(at(a));
      break;
    case 1:
      std::swap(instructions[a], instructions[b]);
      break;
    case 2: {
      // A few instructions in a row often make a value.
      const std::size_t count = std::min(1 + dice.Below(8), instructions.size() - a);
      const std::vector<Instruction> copy(at(a), at(a + count));
      instructions.insert(at(b), copy.begin(), copy.end());
      break;
    }
    case 3:
      instructions.insert(at(a), {.opcode = dice.Pick(kPlain), .argument = {}});
      break;
    default:
      MutateArgument(instructions[a], dice);
  }
}

}  // namespace

std::string MutatePickle(std::string_view pickle, Dice& dice) {
  auto instructions = Instructions(pickle);
  if (!instructions || instructions->empty() || dice.OneIn(16))
    return dice.Bytes(std::string(pickle), pickle.size() + 64);
  do {
    MutateInstructions(*instructions, dice);
  } while (!instructions->empty() && dice.OneIn(3));
  return Pickle(*instructions);
}

}  // namespace octavo::fuzz
