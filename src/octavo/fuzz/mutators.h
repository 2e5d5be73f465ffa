#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "octavo/fuzz/dice.h"

// Mutators for the fuzzers: each knows a format and changes what is in it, so that most mutants reach the
// code behind the format's own checks.  What does not parse as the format is changed as plain bytes.  Answers
// may be longer than the fuzzer allows; it drops them.

namespace octavo::fuzz {

// Words that a text may hold: names of operators, attributes, dtypes.
using Words = std::span<const std::string>;

// Tokens and lines of source code, specifications and the graph's text form: names, numbers, strings and
// punctuation are replaced, removed, repeated and swapped.
std::string MutateText(std::string_view text, Words words, Dice& dice);

// Opcodes of a pickle; the lengths before strings and of frames stay right.
std::string MutatePickle(std::string_view pickle, Dice& dice);

// Header or elements of an .npy file; the length of the header stays right.
std::string MutateNpy(std::string_view npy, Dice& dice);

// Records of a zip archive: one is changed by the mutator for its format, or renamed, dropped, repeated,
// moved or compressed.  Sizes and checksums stay right, save for one in sixteen mutants, in which a number of
// a header is wrong.
std::string MutateZip(std::string_view zip, Words words, Dice& dice);
// A record of the other archive in the place of one of the same kind, or beside it.
std::string CrossZips(std::string_view zip, std::string_view other, Dice& dice);

// Fields of an ONNX model: numbers, names, attributes, sizes and elements of tensors, nodes.  `words` are the
// names of operators.  Lengths of messages stay right.
std::string MutateOnnx(std::string_view model, Words words, Dice& dice);
// A message of the other model in the place of one of the same type, or beside it.
std::string CrossOnnx(std::string_view model, std::string_view other, Dice& dice);

}  // namespace octavo::fuzz
