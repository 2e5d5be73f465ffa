#include "octavo/open_sizes/open_sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/driver/registry_rules.h"
#include "octavo/ir/text.h"

namespace octavo::open_sizes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using TracedSizes = std::map<std::string, std::int64_t>;

const Registry& Builtin() {
  static const Registry& registry = *[] {
    auto* made = new Registry;
    RegisterBuiltinOperators(*made);
    return made;
  }();
  return registry;
}

std::vector<std::string> WarningsOf(const std::string& text, const TracedSizes& traced = {},
                                    bool scripted = false) {
  auto graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return {};
  import::Imported imported;
  imported.graph = std::move(*graph);
  imported.traced.assign(imported.graph.nodes().size(), !scripted);
  imported.traced_sizes = traced;
  return Warnings(imported, driver::RegistryRules(Builtin()));
}

// The warnings without their remedies.
std::vector<std::string> ClaimsOf(const std::string& text, const TracedSizes& traced = {},
                                  bool scripted = false) {
  std::vector<std::string> claims = WarningsOf(text, traced, scripted);
  for (std::string& claim : claims) claim = claim.substr(0, claim.find(". "));
  return claims;
}

// x[:, 0], x[:, 1], ... of a [N,T,8], added up.
std::string Selects(const std::vector<int>& elements) {
  std::string text = "input %x: float32[N,T,8]\n";
  int next = 0;
  std::string sum;
  for (const int element : elements) {
    const std::string whole = "%" + std::to_string(next++), one = "%" + std::to_string(next++);
    text += whole +
            ": float32[N,T,8] = aten::slice(self=%x, dim=0, start=0, end=9223372036854775807, step=1)\n" +
            one + ": float32[N,8] = aten::select(self=" + whole +
            ", dim=1, index=" + std::to_string(element) + ")\n";
    if (!sum.empty()) {
      const std::string added = "%" + std::to_string(next++);
      text += added + ": float32[N,8] = aten::add(self=" + sum + ", other=" + one + ", alpha=1)\n";
      sum = added;
    } else {
      sum = one;
    }
  }
  return text + "output y = " + sum + "\n";
}

// ---- Sizes that are proven to be fixed

constexpr const char* kPositions =
    "input %x: float32[N,T,8]\nconstant %table = float32[1,5,8]{... 160 bytes}\n"
    "%0: float32[N,5,8] = aten::add(self=%x, other=%table, alpha=1)\noutput y = %0\n";

std::string Positions() {
  std::string numbers;
  for (int i = 0; i < 40; ++i) numbers += (i ? ", 0" : "0");
  std::string text = kPositions;
  const std::string left_out = "... 160 bytes";
  return text.replace(text.find(left_out), left_out.size(), numbers);
}

TEST(FixedSizes, AreFoundWhereAConstantFitsOneSizeAlone) {
  EXPECT_THAT(ClaimsOf(Positions()),
              ElementsAre("T is open in --input, but the model works at T = 5 only (aten::add)"));
  EXPECT_THAT(ClaimsOf(Positions(), {{"N", 2}, {"T", 5}}),
              ElementsAre("T is open in --input, but the model works at T = 5 only (aten::add)"));
  EXPECT_THAT(WarningsOf(Positions())[0],
              HasSubstr(". If int() or len() made a number of a size while tracing"));
  // Scripted code has no traced numbers in it; it works at one size all the same.
  EXPECT_THAT(
      WarningsOf(Positions(), {}, true),
      ElementsAre(
          "T is open in --input, but the model works at T = 5 only (aten::add). Give it as a number in "
          "--input"));
}

TEST(FixedSizes, OfOneViewAreFoundTogether) {
  const std::string text =
      "input %x: float32[N,T,16]\n%0: float32[4,5,4,4] = aten::view(self=%x, size=[4,5,4,4])\noutput y = "
      "%0\n";
  const char* const claim =
      "N and T are open in --input, but the model works at N = 4 and T = 5 only (aten::view)";
  EXPECT_THAT(ClaimsOf(text), ElementsAre(claim));
  EXPECT_THAT(ClaimsOf(text, {{"N", 4}, {"T", 5}}), ElementsAre(claim));
  EXPECT_THAT(
      ClaimsOf("input %x: float32[N,T,16]\n%0: float32[1,T,4,4] = aten::view(self=%x, size=[1,T,4,4])\n"
               "output y = %0\n"),
      ElementsAre("N is open in --input, but the model works at N = 1 only (aten::view)"));
}

TEST(FixedSizes, CountWhatFollowsFromThem) {
  EXPECT_THAT(
      ClaimsOf("input %x: float32[N,T,16]\ninput %y: float32[N,T,16]\n"
               "%0: float32[1,T,4,4] = aten::view(self=%x, size=[1,T,4,4])\n"
               "%1: float32[1,T,4,4] = aten::view(self=%y, size=[1,T,4,4])\n"
               "%2: float32[1,T,4,4] = aten::add(self=%0, other=%1, alpha=1)\noutput z = %2\n"),
      ElementsAre(
          "N is open in --input, but the model works at N = 1 only (aten::view, and 1 more operator)"));
}

TEST(FixedSizes, AreNotFoundWhereSizesNeedADivisorOrARemainder) {
  // An hourglass works at even sizes.
  EXPECT_THAT(
      ClaimsOf("input %x: float32[N,3,H,W]\n"
               "%0: float32[N,3,floor(H/2),floor(W/2)] = aten::max_pool2d(self=%x, kernel_size=[2,2], "
               "stride=[2,2], padding=[0,0], dilation=[1,1], ceil_mode=false)\n"
               "%1: float32[N,3,2*floor(H/2),2*floor(W/2)] = aten::upsample_nearest2d(input=%0, "
               "output_size=None, scale_factors=[2.0,2.0])\n"
               "%2: float32[N,6,H,W] = aten::cat(tensors=[%x,%1], dim=1)\noutput y = %2\n"),
      IsEmpty());
  // Pairs along T, and square images.
  EXPECT_THAT(
      ClaimsOf(
          "input %x: float32[N,T,8]\n"
          "%0: float32[N,floor(T/2),2,8] = aten::view(self=%x, size=[N,floor(T/2),2,8])\noutput y = %0\n"),
      IsEmpty());
  EXPECT_THAT(ClaimsOf("input %x: float32[H,W]\n%0: float32[W,H] = aten::t(self=%x)\n"
                       "%1: float32[H,W] = aten::add(self=%x, other=%0, alpha=1)\noutput y = %1\n"),
              IsEmpty());
}

TEST(FixedSizes, OfNodesThatNothingNeedsDoNotMatter) {
  EXPECT_THAT(ClaimsOf("input %x: float32[N,16]\n%0: float32[4,4,4] = aten::view(self=%x, size=[4,4,4])\n"
                       "%1: float32[N,16] = aten::relu(self=%x)\noutput y = %1\n"),
              IsEmpty());
}

// ---- Elements by number

TEST(NumberedReads, OfAllElementsAreAnUnrolledLoop) {
  for (const std::vector<int>& elements : {std::vector{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}}) {
    EXPECT_THAT(
        ClaimsOf(Selects(elements)),
        ElementsAre(
            "T is open in --input, but the model reads elements 0 to 4 of it by number (aten::select)"));
    EXPECT_THAT(
        ClaimsOf(Selects(elements), {{"N", 3}, {"T", 5}}),
        ElementsAre(
            "T is open in --input, but the model reads only elements 0 to 4 of it, all that there were "
            "when it was traced (aten::select)"));
    EXPECT_THAT(ClaimsOf(Selects(elements), {{"N", 3}, {"T", 9}}), IsEmpty());
    EXPECT_THAT(ClaimsOf(Selects(elements), {}, true), IsEmpty());
  }
  EXPECT_THAT(
      ClaimsOf(Selects({-1, -2, -3})),
      ElementsAre(
          "T is open in --input, but the model reads elements -3 to -1 of it by number (aten::select)"));
}

TEST(NumberedReads, OfTheFirstAndTheLastAreMeant) {
  for (const std::vector<int>& elements : {std::vector{0}, {-1}, {0, -1}, {-1, -2}}) {
    EXPECT_THAT(ClaimsOf(Selects(elements)), IsEmpty());
    EXPECT_THAT(ClaimsOf(Selects(elements), {{"N", 3}, {"T", 5}}), IsEmpty());
  }
}

TEST(NumberedReads, OfTheLastByItsNumber) {
  EXPECT_THAT(
      ClaimsOf(Selects({4})),
      ElementsAre("T is open in --input, but the model reads element 4 of it by number (aten::select)"));
  EXPECT_THAT(
      ClaimsOf(Selects({4}), {{"N", 3}, {"T", 5}}),
      ElementsAre(
          "T is open in --input, but the model reads element 4 of it, the last one when it was traced "
          "(aten::select)"));
  EXPECT_THAT(ClaimsOf(Selects({3}), {{"N", 3}, {"T", 5}}), IsEmpty());
}

TEST(NumberedReads, BySlicesAndIndices) {
  const auto of = [](const std::string& call, const TracedSizes& traced = {}) {
    return ClaimsOf("input %x: float32[4,T,8]\nconstant %i = int64[3]{2, 0, 1}\n%0: float32[4,3,8] = " +
                        call + "\noutput y = %0\n",
                    traced);
  };
  const char* const claim = "T is open in --input, but the model reads elements 0 to 2 of it by number";
  for (const char* call :
       {"aten::slice(self=%x, dim=1, start=0, end=3, step=1)",
        "aten::slice(self=%x, dim=-2, start=None, end=3, step=1)",
        "aten::narrow(self=%x, dim=1, start=0, length=3)", "aten::index_select(self=%x, dim=1, index=%i)",
        "aten::index(self=%x, indices=[None,%i])"}) {
    EXPECT_THAT(of(call), ElementsAre(StartsWith(claim))) << call;
    EXPECT_THAT(of(call, {{"T", 3}}), ElementsAre(HasSubstr("all that there were"))) << call;
    EXPECT_THAT(of(call, {{"T", 7}}), IsEmpty()) << call;
  }
  for (const char* call : {"aten::slice(self=%x, dim=1, start=0, end=-1, step=1)",
                           "aten::slice(self=%x, dim=1, start=1, end=9223372036854775807, step=1)",
                           "aten::slice(self=%x, dim=1, start=0, end=T, step=1)",
                           "aten::slice(self=%x, dim=1, start=0, end=3, step=2)",
                           "aten::slice(self=%x, dim=2, start=0, end=3, step=1)",
                           "aten::slice(self=%x, dim=1, start=-3, end=9223372036854775807, step=1)"}) {
    EXPECT_THAT(of(call), IsEmpty()) << call;
  }
}

TEST(NumberedReads, OfABatchOfWhichNothingElseIsUsed) {
  const std::string head =
      "input %x: float32[N,3,8]\n%0: float32[N,3,8] = aten::relu(self=%x)\n"
      "%1: float32[3,8] = aten::select(self=%0, dim=0, index=0)\n";
  EXPECT_THAT(ClaimsOf(head + "output y = %1\n"),
              ElementsAre("N is open in --input, but the model reads only element 0 of it (aten::select)"));
  EXPECT_THAT(ClaimsOf(head + "output y = %1\noutput z = %0\n"), IsEmpty());
  EXPECT_THAT(ClaimsOf(head + "%2: float32[3,8] = aten::mean(self=%0, dim=[0], keepdim=false, dtype=None)\n"
                              "%3: float32[3,8] = aten::add(self=%1, other=%2, alpha=1)\noutput y = %3\n"),
              IsEmpty());
}

// ---- Numbers in place of sizes

TEST(NumbersForSizes, InReshapes) {
  const auto of = [](const std::string& input, const std::string& result, const std::string& sizes,
                     const TracedSizes& traced = {}) {
    return ClaimsOf("input %x: float32" + input + "\n%0: float32" + result +
                        " = aten::reshape(self=%x, shape=" + sizes + ")\noutput y = %0\n",
                    traced);
  };
  const char* const four =
      "N is open in --input, but the model has the number 4 in its place (aten::reshape)";
  EXPECT_THAT(of("[N,8,3]", "[4,6*N]", "[4,-1]"), ElementsAre(four));
  EXPECT_THAT(of("[N,8,3]", "[4,6*N]", "[4,-1]", {{"N", 4}}), ElementsAre(four));
  EXPECT_THAT(of("[N,8,3]", "[4,6*N]", "[4,-1]", {{"N", 7}}), IsEmpty());
  EXPECT_THAT(of("[N,8,3]", "[1,24*N]", "[1,-1]"), ElementsAre(HasSubstr("has the number 1 in its place")));
  EXPECT_THAT(
      of("[N*T,8]", "[floor(N*T/5),5,8]", "[-1,5,8]"),
      ElementsAre(StartsWith("N and T are open in --input, but the model has the number 5 in their place")));
  EXPECT_THAT(of("[4,T,8]", "[floor((4*T)/5),5,8]", "[-1,5,8]"),
              ElementsAre(HasSubstr("the number 5 in its place")));
  EXPECT_THAT(of("[4,T,8]", "[floor((4*T)/5),5,8]", "[-1,5,8]", {{"T", 5}}),
              ElementsAre(HasSubstr("the number 5 in its place")));
  // What networks do all the time.
  EXPECT_THAT(of("[N,512,1,1]", "[N,512]", "[-1,512]"), IsEmpty());
  EXPECT_THAT(of("[N,512,1,1]", "[N,512]", "[-1,512]", {{"N", 2}}), IsEmpty());
  EXPECT_THAT(of("[N,512,1,1]", "[N,2,256]", "[-1,2,256]", {{"N", 2}}), IsEmpty());
  EXPECT_THAT(of("[N,T,16]", "[N*T,16]", "[-1,16]", {{"N", 4}, {"T", 16}}), IsEmpty());
  EXPECT_THAT(of("[N,T,16]", "[N,floor(T/2),2,16]", "[N,-1,2,16]"), IsEmpty());
  EXPECT_THAT(of("[N,T,16]", "[N,T,4,4]", "[N,T,4,-1]", {{"N", 4}, {"T", 4}}), IsEmpty());
}

TEST(NumbersForSizes, InRepeatsAndResults) {
  const std::string mean =
      "input %x: float32[N,T,16]\n%0: float32[N,1,16] = aten::mean(self=%x, dim=[1], keepdim=true, "
      "dtype=None)\n";
  const std::string repeat =
      mean + "%1: float32[N,5,16] = aten::repeat(self=%0, repeats=[1,5,1])\noutput y = %1\n";
  EXPECT_THAT(ClaimsOf(repeat), IsEmpty());
  EXPECT_THAT(
      ClaimsOf(repeat, {{"N", 4}, {"T", 5}}),
      ElementsAre(
          "T is open in --input, but a result is repeated 5 times, its size when the model was traced "
          "(aten::repeat)"));
  EXPECT_THAT(ClaimsOf(repeat, {{"N", 5}, {"T", 6}}), IsEmpty());
  const std::string resize =
      "input %x: float32[N,3,H,W]\n%0: float32[N,3,32,48] = aten::upsample_bilinear2d(self=%x, "
      "output_size=[32,48], "
      "align_corners=false, scales_h=None, scales_w=None)\noutput y = %0\n";
  EXPECT_THAT(ClaimsOf(resize), IsEmpty());
  EXPECT_THAT(ClaimsOf(resize, {{"N", 2}, {"H", 16}, {"W", 24}}), IsEmpty());
  EXPECT_THAT(
      ClaimsOf(resize, {{"N", 2}, {"H", 32}, {"W", 48}}),
      ElementsAre(
          StartsWith("H is open in --input, but a result always has the size 32, as when the model was"),
          StartsWith("W is open in --input, but a result always has the size 48")));
}

TEST(NumbersForSizes, InMeansWrittenOut) {
  const auto of = [](const std::string& reduce, const std::string& divisor, const TracedSizes& traced = {}) {
    return ClaimsOf(
        "input %x: float32[N,T,16]\n%0: float32[N,16] = " + reduce +
            "(self=%x, dim=[1], keepdim=false, dtype=None)\n%1: float32[N,16] = aten::div(self=%0, other=" +
            divisor + ")\noutput y = %1\n",
        traced);
  };
  const char* const claim = "T is open in --input, but a sum over it is divided by the number 5 (aten::div)";
  EXPECT_THAT(of("aten::sum", "5"), ElementsAre(claim));
  EXPECT_THAT(of("aten::sum", "5.0", {{"N", 3}, {"T", 5}}), ElementsAre(claim));
  EXPECT_THAT(of("aten::sum", "5", {{"N", 3}, {"T", 6}}), IsEmpty());
  EXPECT_THAT(of("aten::sum", "2"), IsEmpty());
  EXPECT_THAT(of("aten::sum", "8.5"), IsEmpty());
  EXPECT_THAT(of("aten::mean", "5"), IsEmpty());
}

TEST(OpenSizes, ThereIsNothingToWarnOfWithoutThem) {
  std::string text = Positions();
  EXPECT_THAT(ClaimsOf(text.replace(text.find("[N,T,8]"), 7, "[3,5,8]")), IsEmpty());
  EXPECT_THAT(ClaimsOf("input %x: float32\n%0: float32 = aten::relu(self=%x)\noutput y = %0\n"), IsEmpty());
}

}  // namespace
}  // namespace octavo::open_sizes
