#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// Labels of one operand: letters, and for the dimensions of "..." the numbers from 256 on, the last being
// 256.
using Labels = std::vector<int>;
constexpr int kEllipsis = 256;

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
  std::map<int, std::int64_t> sizes;
};

struct Term {
  Labels before, after;
  bool ellipsis = false;
};

Result<Term> TermOf(const Call& call, std::string_view text) {
  Term term;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("...") && !term.ellipsis) {
      term.ellipsis = true;
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(text[i])) != 0) {
      (term.ellipsis ? term.after : term.before).push_back(text[i]);
    } else {
      return call.Invalid(fmt::format("the term {} of the equation is not valid", text));
    }
  }
  return term;
}

Labels Spread(const Term& term, std::size_t dims) {
  Labels labels = term.before;
  for (std::size_t i = dims; i-- > 0;) labels.push_back(kEllipsis + static_cast<int>(i));
  labels.insert(labels.end(), term.after.begin(), term.after.end());
  return labels;
}

Result<Equation> EquationOf(Call& call) {
  std::string text = OCTAVO_TRY(call.Text("equation"));
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const std::size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  Equation e;
  std::size_t ellipsis = 0;
  for (std::size_t i = 0; i < call.num_inputs(); ++i) {
    const std::size_t comma = left.find(',');
    if (i + 1 < call.num_inputs() ? comma == std::string::npos : comma != std::string::npos)
      return call.Invalid(fmt::format("the equation {} does not have {} operands", text, call.num_inputs()));
    const Term term = OCTAVO_TRY(TermOf(call, std::string_view(left).substr(0, comma)));
    if (comma != std::string::npos) left.erase(0, comma + 1);
    const Sizes sizes = OCTAVO_TRY(call.sizes(i));
    const std::size_t named = term.before.size() + term.after.size();
    if (term.ellipsis ? sizes.size() < named : sizes.size() != named)
      return call.Invalid(fmt::format("the equation does not fit operand {} of rank {}", i, sizes.size()));
    ellipsis = std::max(ellipsis, sizes.size() - named);
    e.inputs.push_back(Spread(term, sizes.size() - named));
    const Labels& labels = e.inputs.back();
    for (std::size_t d = 0; d < sizes.size(); ++d) {
      const auto first =
          static_cast<std::size_t>(std::find(labels.begin(), labels.end(), labels[d]) - labels.begin());
      if (sizes[first] != sizes[d])
        return call.Invalid(fmt::format("a diagonal cannot have sizes {} and {}", sizes[first], sizes[d]));
      auto [at, added] = e.sizes.emplace(e.inputs.back()[d], sizes[d]);
      if (!added && at->second == 1) at->second = sizes[d];
      if (at->second != sizes[d] && sizes[d] != 1)
        return call.Invalid(
            fmt::format("sizes {} and {} share a letter of the equation", at->second, sizes[d]));
    }
  }
  if (arrow != std::string::npos) {
    const Term term = OCTAVO_TRY(TermOf(call, std::string_view(text).substr(arrow + 2)));
    if (!term.ellipsis && text.substr(0, arrow).find("...") != std::string::npos)
      return call.Invalid("the equation's operands have \"...\", but its result does not");
    e.output = Spread(term, term.ellipsis ? ellipsis : 0);
    for (const int label : e.output) {
      if (!e.sizes.contains(label))
        return call.Invalid("the equation's result has a letter that no operand has");
      if (std::count(e.output.begin(), e.output.end(), label) > 1)
        return call.Invalid("the equation's result has a letter twice");
    }
    return e;
  }
  // Without a right side: "..." and then the labels that are there once, in alphabetical order.
  e.output = Spread(Term(), ellipsis);
  for (const auto& [label, size] : e.sizes) {
    std::ptrdiff_t count = 0;
    for (const Labels& labels : e.inputs) count += std::count(labels.begin(), labels.end(), label);
    if (label < kEllipsis && count == 1) e.output.push_back(label);
  }
  return e;
}

// Steps of an operand along each of `labels`; a label that it has twice is its diagonal.
Sizes StepsOf(const Labels& own, const Sizes& sizes, const Labels& labels) {
  const Sizes strides = StridesOf(sizes);
  Sizes steps;
  for (const int label : labels) {
    std::int64_t step = 0;
    for (std::size_t d = 0; d < own.size(); ++d) {
      if (own[d] == label && sizes[d] != 1) step += strides[d];
    }
    steps.push_back(step);
  }
  return steps;
}

Result<Prepared> Einsum(Call& call) {
  OCTAVO_TRY(call.Inputs(1, call.num_inputs()));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  const Equation e = OCTAVO_TRY(EquationOf(call));
  // All labels, those of the result first.
  Labels all = e.output;
  Sizes sizes, result;
  for (const int label : e.output) result.push_back(e.sizes.at(label));
  for (const auto& [label, size] : e.sizes) {
    if (std::find(all.begin(), all.end(), label) == all.end()) all.push_back(label);
  }
  for (const int label : all) sizes.push_back(e.sizes.at(label));
  if (!CountElements(sizes)) return call.Invalid("the product of all sizes is too large");
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, result, [=](const Operands& in) -> Result<Tensor> {
    const std::int64_t count = Product(result);
    const Sizes summed(sizes.begin() + static_cast<std::ptrdiff_t>(result.size()), sizes.end());
    std::vector<std::vector<double>> values;
    std::vector<std::vector<std::int64_t>> first, offset;
    for (std::size_t i = 0; i < in.size(); ++i) {
      values.push_back(Reals(*in[i]));
      const Sizes steps = StepsOf(e.inputs[i], in[i]->sizes, all);
      const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(result.size());
      first.emplace_back();
      offset.emplace_back();
      ForEachOffset(result, Sizes(steps.begin(), middle), 0,
                    [&](std::int64_t, std::int64_t at) { first.back().push_back(at); });
      ForEachOffset(summed, Sizes(middle, steps.end()), 0,
                    [&](std::int64_t, std::int64_t at) { offset.back().push_back(at); });
    }
    std::vector<double> y(static_cast<std::size_t>(count));
    for (std::size_t o = 0; o < y.size(); ++o) {
      for (std::size_t k = 0; k < offset[0].size(); ++k) {
        double product = 1;
        for (std::size_t i = 0; i < in.size(); ++i)
          product *= values[i][static_cast<std::size_t>(first[i][o] + offset[i][k])];
        y[o] += product;
      }
    }
    if (IsFloat(dtype)) return FromReals(dtype, result, y);
    std::vector<std::int64_t> integers(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) integers[i] = SaturatedInteger(y[i], DType::kInt64);
    return FromIntegers(dtype, result, integers);
  });
}

}  // namespace

void AddEinsum(Registry& registry) { registry.Add("Einsum", Einsum); }

}  // namespace octavo::engine::literal
