#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "octavo/open_sizes/model.h"

namespace octavo::open_sizes {
namespace {

Names NamesIn(const Model& model, const Shape& shape) {
  Names names;
  for (const Dim& dim : shape) names.merge(model.OpenIn(dim));
  return names;
}

// The product of the sizes themselves, without a factor or a quotient?
bool IsProductOf(const Dim& dim, const Names& names) {
  Dim product = 1;
  for (const std::string& name : names) product = product * Dim::Symbol(name);
  return dim == product;
}

class NumberFinder {
 public:
  explicit NumberFinder(const Model& model) : model_(model) {
    for (const ir::ValueId input : model.graph().inputs()) {
      const std::optional<Shape>& shape = model.shape(input);
      if (shape && !shape->empty()) batch_.merge(model.OpenIn((*shape)[0]));
    }
  }

  std::vector<Finding> Find() {
    for (const ir::NodeId id : model_.nodes()) {
      const ir::Node& node = model_.node(id);
      self_ = model_.Self(node);
      if (!model_.traced(id)) continue;
      id_ = id;
      LookAtMadeElements(node);
      if (!self_.valid() || !model_.shape(self_)) continue;
      LookAtLastSizes(node);
      if (node.outputs.size() != 1 || !model_.shape(node.outputs[0])) continue;
      LookAtReshape(node);
      LookAtResultSize();
      LookAtRepeats(node);
      // A mean is a number in a quotient, too, and says more.
      if (!LookAtMean(node)) LookAtOther(node);
    }
    return std::move(findings_);
  }

 private:
  const Shape& From() const { return *model_.shape(self_); }
  const Shape& To() const { return *model_.shape(model_.node(id_).outputs[0]); }

  void Add(Names sizes, std::string claim) {
    findings_.push_back({.sizes = std::move(sizes), .claim = std::move(claim), .node = id_});
  }

  std::optional<std::int64_t> TracedSize(const std::string& name) const {
    const auto at = model_.traced_sizes().find(name);
    return at == model_.traced_sizes().end() ? std::nullopt : std::optional(at->second);
  }

  // ---- view(4, -1): the number stands where the open size was, which goes into the size that is inferred.

  void LookAtReshape(const ir::Node& node) {
    const std::vector<Dim>* sizes = IntsArgument(node, "size");
    if (!sizes) sizes = IntsArgument(node, "shape");
    if (!sizes || sizes->size() != To().size() || std::ranges::count(*sizes, Dim(-1)) != 1) return;
    const auto inferred_at = static_cast<std::size_t>(std::ranges::find(*sizes, Dim(-1)) - sizes->begin());
    const Dim& inferred = To()[inferred_at];
    const Names names = model_.OpenIn(inferred);
    if (names.empty() || IsProductOf(inferred, names) || std::ranges::count(From(), inferred) > 0) return;
    const std::vector<std::size_t> numbers = NewNumbers(*sizes);
    const bool known =
        std::ranges::all_of(names, [this](const auto& name) { return TracedSize(name).has_value(); });
    for (const std::size_t at : numbers) {
      const std::int64_t number = (*sizes)[at].value();
      Names fixed = known ? StandsFor(number, at, names) : Names();
      if (known && fixed.empty() && inferred.ToString().find("floor(") != std::string::npos)
        fixed = MultipleOf(number, names);
      if (!known && at == 0) fixed = Common(model_.OpenIn(From().empty() ? Dim(1) : From()[0]), names);
      if (!known && fixed.empty() && inferred_at == 0 &&
          inferred.ToString().find("floor(") != std::string::npos)
        fixed = names;
      if (fixed.empty()) continue;
      Add(fixed, fmt::format("the model has the number {} in {{its}} place", number));
      return;
    }
  }

  static Names Common(const Names& a, const Names& b) {
    Names both;
    std::ranges::set_intersection(a, b, std::inserter(both, both.end()));
    return both;
  }

  // The places of numbers among the new sizes that are no sizes of the tensor before.
  std::vector<std::size_t> NewNumbers(const std::vector<Dim>& sizes) const {
    std::vector<Dim> before = From();
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (!sizes[i].known() || sizes[i].value() < 1) continue;
      const auto same = std::ranges::find(before, sizes[i]);
      if (same == before.end()) {
        places.push_back(i);
      } else {
        before.erase(same);
      }
    }
    return places;
  }

  // The open sizes, or the product of open sizes, that were that number in the trace.
  Names StandsFor(std::int64_t number, std::size_t at, const Names& names) const {
    std::int64_t product = 1;
    for (const std::string& name : names) {
      const std::int64_t traced = *TracedSize(name);
      product *= traced;
      // 1 is the size of many things.
      if (traced == number && (number > 1 || (at < From().size() && From()[at] == Dim::Symbol(name))))
        return {name};
    }
    return names.size() > 1 && product == number && number > 1 ? names : Names();
  }

  // view(-1, 5 * 16): an open size that the number was a multiple of.
  Names MultipleOf(std::int64_t number, const Names& names) const {
    constexpr std::int64_t kSmallest = 3;
    for (const std::string& name : names) {
      const std::int64_t traced = *TracedSize(name);
      if (traced >= kSmallest && number % traced == 0) return {name};
    }
    return {};
  }

  // ---- interpolate(x, (32, 32)): the result always has the size that the trace had.

  void LookAtResultSize() {
    if (From().size() != To().size()) return;
    const Names left = NamesIn(model_, To());
    for (std::size_t i = 0; i < From().size(); ++i) {
      if (!To()[i].known() || To()[i].value() < 2) continue;
      for (const std::string& name : model_.OpenIn(From()[i])) {
        if (left.contains(name) || TracedSize(name) != To()[i].value()) continue;
        Add({name},
            fmt::format("a result always has the size {}, as when the model was traced", To()[i].value()));
      }
    }
  }

  // ---- repeat(1, 5, 1), expand(-1, 5, -1)

  void LookAtRepeats(const ir::Node& node) {
    const std::vector<Dim>* counts = IntsArgument(node, "repeats");
    if (!counts) counts = IntsArgument(node, "dims");
    if (!counts) counts = IntsArgument(node, "size");
    if (!counts || counts->size() != To().size() || To().size() < From().size()) return;
    const Names left = NamesIn(model_, To());
    if (left.empty()) return;
    const std::size_t added = To().size() - From().size();
    for (std::size_t i = 0; i < counts->size(); ++i) {
      const Dim before = i < added ? Dim(1) : From()[i - added];
      if (!(*counts)[i].known() || (*counts)[i].value() < 2 || before != Dim(1) || To()[i] != (*counts)[i])
        continue;
      for (const auto& [name, traced] : model_.traced_sizes()) {
        if (traced != (*counts)[i].value() || left.contains(name) || batch_.contains(name) != (i == 0))
          continue;
        Add({name},
            fmt::format("a result is repeated {} times, {{its}} size when the model was traced", traced));
      }
    }
  }

  // ---- x.sum(1) / 5

  static std::optional<double> NumberOf(const ir::Graph& graph, const ir::Operand* operand) {
    if (!operand) return std::nullopt;
    if (const Dim* dim = std::get_if<Dim>(operand); dim && dim->known())
      return static_cast<double>(dim->value());
    if (const double* number = std::get_if<double>(operand)) return *number;
    if (const auto* id = std::get_if<ir::ValueId>(operand); id && id->valid()) {
      const std::optional<Tensor>& constant = graph.value(*id).constant;
      if (constant && constant->num_elements() == 1 &&
          (IsFloat(constant->dtype) || IsInteger(constant->dtype)))
        return constant->ToDoubles()[0];
    }
    return std::nullopt;
  }

  // Of "/ 5" and "* 0.2"; from 3 on, since halves are common.
  std::optional<double> DivisorOf(const ir::Node& node) const {
    if (node.op != "aten::div" && node.op != "aten::mul") return std::nullopt;
    const std::optional<double> number = NumberOf(model_.graph(), node.Find("other"));
    if (!number || *number <= 0) return std::nullopt;
    const double divisor = node.op == "aten::div" ? *number : 1 / *number, whole = std::round(divisor);
    constexpr double kSmallest = 3, kRounding = 1e-6;
    if (whole < kSmallest || std::abs(divisor - whole) > whole * kRounding) return std::nullopt;
    return whole;
  }

  bool LookAtMean(const ir::Node& node) {
    const std::optional<double> divisor = DivisorOf(node);
    const ir::NodeId before = model_.graph().value(self_).producer;
    if (!divisor || before == ir::kNoNode) return false;
    const ir::Node& sum = model_.node(before);
    const ir::ValueId summed = model_.Self(sum);
    if (sum.op != "aten::sum" || !summed.valid() || !model_.shape(summed)) return false;
    Names gone = NamesIn(model_, *model_.shape(summed));
    for (const std::string& name : NamesIn(model_, From())) gone.erase(name);
    if (gone.empty()) return false;
    const auto whole = model_.AsTraced(NumElements(*model_.shape(summed))),
               left = model_.AsTraced(NumElements(From()));
    if (whole && left &&
        (*left == 0 || static_cast<double>(*whole) != *divisor * static_cast<double>(*left))) {
      return false;
    }
    Add(gone, fmt::format("a sum over {{it}} is divided by the number {}", *divisor));
    return true;
  }

  // ---- x * 5, x + 5, x < 5: the number was a size of x, or of what x was reduced from.

  void LookAtOther(const ir::Node& node) {
    static const std::set<std::string_view> kOperators = {"aten::add", "aten::sub", "aten::rsub", "aten::mul",
                                                          "aten::div", "aten::eq",  "aten::ne",   "aten::lt",
                                                          "aten::le",  "aten::gt",  "aten::ge"};
    if (!kOperators.contains(node.op)) return;
    const std::optional<double> number = NumberOf(model_.graph(), node.Find("other"));
    if (!number) return;
    Names names = NamesIn(model_, From());
    // Quotients of sizes that are still there are mostly means of something else, such as roots of widths.
    if (node.op == "aten::div") names.clear();
    if (const ir::NodeId before = model_.graph().value(self_).producer; before != ir::kNoNode) {
      const ir::ValueId reduced = model_.Self(model_.node(before));
      if (reduced.valid() && model_.shape(reduced)) {
        Names gone = NamesIn(model_, *model_.shape(reduced));
        for (const std::string& name : NamesIn(model_, From())) gone.erase(name);
        names.merge(gone);
      }
    }
    // A tensor without open sizes is compared with what may be one: arange(16) < 5.
    if (names.empty() && NamesIn(model_, From()).empty() && node.op != "aten::div" &&
        node.op != "aten::mul") {
      names = model_.open();
    }
    AddNumber(*number, names, fmt::format("{} has the number", node.op));
  }

  // ---- avg_pool1d(x, 5), layer_norm(x, [5, 16]): the last sizes of x

  void LookAtLastSizes(const ir::Node& node) {
    const bool pool = node.op.starts_with("aten::avg_pool") || node.op.starts_with("aten::max_pool");
    const std::vector<Dim>* sizes = pool                            ? IntsArgument(node, "kernel_size")
                                    : node.op == "aten::layer_norm" ? IntsArgument(node, "normalized_shape")
                                                                    : nullptr;
    if (!sizes || sizes->size() > From().size()) return;
    const std::size_t first = From().size() - sizes->size();
    for (std::size_t i = 0; i < sizes->size(); ++i) {
      if (!(*sizes)[i].known()) continue;
      AddNumber(static_cast<double>((*sizes)[i].value()), NamesIn(model_, {From()[first + i]}),
                fmt::format("{} has the number", node.op));
    }
  }

  // ---- arange(5), full((5, 2), 1), pad(x, (0, 0, 0, 5)), table[:5]

  void LookAtMadeElements(const ir::Node& node) {
    static const std::set<std::string_view> kMakers = {"aten::arange",    "aten::full",    "aten::zeros",
                                                       "aten::ones",      "aten::empty",   "aten::new_full",
                                                       "aten::new_zeros", "aten::new_ones"};
    const bool pads = node.op == "aten::constant_pad_nd" || node.op == "aten::pad";
    const bool table = node.op == "aten::slice" && self_.valid() && model_.graph().value(self_).constant;
    if (!kMakers.contains(node.op) && !pads && !table) return;
    const std::string claim = fmt::format("{} has the number", node.op);
    for (const char* name : {"end", "size", "pad"}) {
      if (const auto number = NumberOf(model_.graph(), node.Find(name)))
        AddNumber(*number, model_.open(), claim);
      const std::vector<Dim>* numbers = IntsArgument(node, name);
      for (std::size_t i = 0; numbers && i < numbers->size(); ++i) {
        if ((*numbers)[i].known())
          AddNumber(static_cast<double>((*numbers)[i].value()), model_.open(), claim);
      }
    }
  }

  // Small numbers are common for other reasons.
  void AddNumber(double number, const Names& names, const std::string& claim) {
    constexpr double kSmallest = 3;
    if (number < kSmallest) return;
    for (const std::string& name : names) {
      const std::optional<std::int64_t> traced = TracedSize(name);
      if (!traced || static_cast<double>(*traced) != number) continue;
      Add({name}, fmt::format("{} {}, {{its}} size when the model was traced", claim, *traced));
      return;
    }
  }

  const Model& model_;
  Names batch_;  // the first sizes of the inputs
  ir::NodeId id_ = ir::kNoNode;
  ir::ValueId self_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> FindNumbersForSizes(const Model& model) { return NumberFinder(model).Find(); }

}  // namespace octavo::open_sizes
