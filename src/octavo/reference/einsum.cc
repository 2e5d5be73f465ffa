#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/wrapping.h"

namespace octavo::reference {
namespace {

struct Equation {
  std::vector<std::string> inputs = {""};
  std::string output;
};

// Letters, with commas between the operands.  Without "->" the result has what appears once, in alphabetical
// order.
Result<Equation> Parsed(const std::string& text) {
  Equation equation;
  const std::size_t arrow = text.find("->");
  for (const char c : text.substr(0, arrow)) {
    if (c == ',') {
      equation.inputs.emplace_back();
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      equation.inputs.back() += c;
    } else if (c != ' ') {
      return Unsupported(fmt::format("the equation \"{}\" is not valid", text));
    }
  }
  if (arrow == std::string::npos) {
    std::map<char, int> uses;
    for (const std::string& input : equation.inputs) {
      for (const char c : input) ++uses[c];
    }
    for (const auto& [letter, count] : uses) {
      if (count == 1) equation.output += letter;
    }
    return equation;
  }
  for (const char c : text.substr(arrow + 2)) {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      equation.output += c;
    } else if (c != ' ') {
      return Unsupported(fmt::format("the equation \"{}\" is not valid", text));
    }
  }
  return equation;
}

// The letters of the result, then those that are summed over, with their sizes.
struct Loops {
  std::string letters;
  Sizes sizes;
  std::size_t results = 0;  // how many letters are the result's
};

Result<Loops> LoopsOf(const Equation& equation, const std::vector<Tensor>& tensors) {
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string& letters = equation.inputs[i];
    if (letters.size() != tensors[i].sizes.size())
      return Unsupported("the equation does not fit the operands");
    for (std::size_t d = 0; d < letters.size(); ++d) {
      std::int64_t& size = sizes.try_emplace(letters[d], tensors[i].sizes[d]).first->second;
      if (size == 1) size = tensors[i].sizes[d];
      if (tensors[i].sizes[d] != size && tensors[i].sizes[d] != 1) {
        return Unsupported(fmt::format("dimension {} of the equation has different sizes", letters[d]));
      }
    }
  }
  Loops loops;
  for (const char c : equation.output) {
    if (!sizes.contains(c) || loops.letters.find(c) != std::string::npos) {
      return Unsupported("each letter of the equation's result must occur there once and in an operand");
    }
    loops.letters += c;
    loops.sizes.push_back(sizes[c]);
  }
  loops.results = loops.letters.size();
  for (const auto& [letter, size] : sizes) {
    if (loops.letters.find(letter) != std::string::npos) continue;
    loops.letters += letter;
    loops.sizes.push_back(size);
  }
  return loops;
}

// How far each loop moves in an operand: the sum of the steps of the dimensions that have its letter.
Sizes LoopSteps(const Loops& loops, const std::string& letters, const Tensor& x) {
  const Sizes steps = Steps(x.sizes);
  Sizes moves(loops.letters.size(), 0);
  for (std::size_t d = 0; d < letters.size(); ++d) {
    if (x.sizes[d] != 1) moves[loops.letters.find(letters[d])] += steps[d];
  }
  return moves;
}

double Times(double x, double y) { return x * y; }
std::int64_t Times(std::int64_t x, std::int64_t y) { return WrappedProduct(x, y); }
double Plus(double x, double y) { return x + y; }
std::int64_t Plus(std::int64_t x, std::int64_t y) { return WrappedSum(x, y); }

template <typename T>
Result<Tensor> Summed(const Equation& equation, const std::vector<Tensor>& tensors) {
  const Loops loops = OCTAVO_TRY(LoopsOf(equation, tensors));
  std::vector<Array<T>> operands;
  std::vector<Sizes> moves;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    operands.push_back(OCTAVO_TRY(Numbers<T>(tensors[i])));
    moves.push_back(LoopSteps(loops, equation.inputs[i], tensors[i]));
  }
  const auto split = loops.sizes.begin() + static_cast<std::ptrdiff_t>(loops.results);
  Array<T> result(OCTAVO_TRY(Checked(Sizes(loops.sizes.begin(), split))));
  OCTAVO_TRY(Checked(Sizes(split, loops.sizes.end())));
  const Sizes steps = Steps(result.sizes);
  ForEachIndex(loops.sizes, [&](const Sizes& at) {
    std::int64_t place = 0;
    for (std::size_t l = 0; l < loops.results; ++l) place += at[l] * steps[l];
    T product = 1;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      std::int64_t from = 0;
      for (std::size_t l = 0; l < at.size(); ++l) from += at[l] * moves[i][l];
      product = Times(product, operands[i][from]);
    }
    result[place] = Plus(result[place], product);
  });
  return Stored(result, tensors[0].dtype);
}

Results Einsum(const Call& call) {
  const Equation equation = OCTAVO_TRY(Parsed(call.text("equation")));
  const std::vector<Tensor> tensors = call.tensors("tensors");
  if (tensors.size() != equation.inputs.size()) return Unsupported("the equation does not fit the operands");
  for (const Tensor& x : tensors) {
    if (x.dtype != tensors[0].dtype)
      return Unsupported("einsum of tensors of different dtypes is not supported");
  }
  if (IsFloat(tensors[0].dtype)) return One(OCTAVO_TRY(Summed<double>(equation, tensors)));
  return One(OCTAVO_TRY(Summed<std::int64_t>(equation, tensors)));
}

}  // namespace

void AddEinsum(Kernels& kernels) { kernels.Add("aten::einsum", Einsum); }

}  // namespace octavo::reference
