#include "octavo/dim.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace octavo {
namespace {

const Dim N = Dim::Symbol("N"), H = Dim::Symbol("H");

TEST(Dim, KnownNumbersCalculateAsNumbers) {
  EXPECT_EQ((Dim(7) + Dim(-3)).value(), 4);
  EXPECT_EQ((Dim(7) * Dim(0)), Dim(0));
  EXPECT_EQ(Dim::FloorDivide(-7, 2).value(), -4);
  EXPECT_EQ(Dim::FloorDivide(7, -2).value(), -4);
  EXPECT_EQ(Dim::FloorDivide(-8, 2).value(), -4);
  EXPECT_EQ(Dim::Modulo(-7, 2).value(), 1);
  EXPECT_EQ(Dim::Modulo(7, -2).value(), -1);
}

TEST(Dim, PolynomialsHaveOneForm) {
  EXPECT_EQ(N + N, N * 2);
  EXPECT_EQ(N * H - H * N, Dim(0));
  EXPECT_EQ((N + 1) * (N - 1), N * N - 1);
  EXPECT_FALSE(N == H);
}

TEST(Dim, ExactDivisionLeavesNoFloor) {
  EXPECT_EQ(Dim::FloorDivide(N * 8, 4), N * 2);
  EXPECT_EQ(Dim::FloorDivide(N * H * 6, N * 3), H * 2);
  EXPECT_EQ(Dim::FloorDivide(N * 4 + 3, 4), N);
  EXPECT_EQ(Dim::FloorDivide(N * 4 + 5, 4), N + 1);
  EXPECT_EQ(Dim::FloorDivide(N, N), Dim(1));
  EXPECT_EQ(Dim::FloorDivide(H + 1, 2).ToString(), "floor((H + 1)/2)");
  EXPECT_EQ(Dim::FloorDivide(N * H + 3, N).ToString(), "H + floor(3/(N))");
}

TEST(Dim, ComparesWhatHoldsForEverySize) {
  EXPECT_EQ(Dim::Equal(N, N), true);
  EXPECT_EQ(Dim::Equal(N, N + 1), false);
  EXPECT_EQ(Dim::Equal(N, 0), false) << "sizes are at least 1";
  EXPECT_EQ(Dim::Equal(N, 1), std::nullopt);
  EXPECT_EQ(Dim::Less(N, 1), false);
  EXPECT_EQ(Dim::Less(0, N), true);
  EXPECT_EQ(Dim::Less(N, N * H + 1), std::nullopt) << "holds, but this much is not decided";
  EXPECT_EQ(Dim::Less(N, N + 1), true);
  EXPECT_EQ(Dim::Less(N, 5), std::nullopt);
  EXPECT_EQ(Dim::Less(Dim::FloorDivide(N, 2), 1), std::nullopt) << "a quotient may be 0";
}

TEST(Dim, TextRoundTrips) {
  for (const Dim& d :
       {Dim(0), Dim(-5), N, N * -1, N * 2 + H * 3 - 4, N * N * H, Dim::FloorDivide(H + 1, 2) * 3 + N,
        Dim::FloorDivide(Dim::FloorDivide(H - 1, 2) - 1, N + 1), Dim::FloorDivide(H * -1, 2),
        Dim::FloorDivide(H * -2, N), Dim::FloorDivide(H, -3)}) {
    const auto parsed = Dim::Parse(d.ToString());
    ASSERT_TRUE(parsed) << d.ToString();
    EXPECT_EQ(*parsed, d) << d.ToString();
  }
}

TEST(Dim, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "N+", "2**N", "floor(N)", "floor(N/0)", "(N", "N)", "99999999999999999999", "N M"}) {
    EXPECT_FALSE(Dim::Parse(text)) << text;
  }
  EXPECT_FALSE(Dim::Parse(std::string(10000, '(')));
  std::string nested;
  for (int i = 0; i < 10000; ++i) nested += "floor(";
  EXPECT_FALSE(Dim::Parse(nested));
}

TEST(Dim, UnknownSizesAreEqualToThemselvesAlone) {
  const Dim a = Dim::Unknown(), b = Dim::Unknown();
  EXPECT_EQ(Dim::Equal(a, a), true);
  EXPECT_EQ(Dim::Equal(a, b), std::nullopt);
  EXPECT_EQ(*Dim::Parse((a * 2 + 1).ToString()), a * 2 + 1);
}

TEST(Dim, HugeNumbersStayHuge) {
  const Dim most(INT64_MAX), least(INT64_MIN), half(std::int64_t{1} << 62);
  EXPECT_EQ(most + Dim(1), most);
  EXPECT_EQ(least - Dim(1), least);
  EXPECT_EQ(half * Dim(4), most);
  EXPECT_EQ(half * Dim(-4), least);
  EXPECT_EQ(Dim::FloorDivide(INT64_MIN, -1), most);
}

TEST(Dim, DividesByMinusOneInADefinedWay) {
  const Dim least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(Dim::FloorDivide(N * least, Dim(-1)), N * Dim(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(Dim::FloorDivide(N * least + Dim(3), N * Dim(-1)).symbols().size(), 1U);
}

TEST(Dim, PolynomialsThatGrowAreUnknown) {
  Dim sum = 0, quotient = Dim::Symbol("N");
  for (int i = 0; i < 40; ++i) sum = sum + Dim::Symbol("N" + std::to_string(i));
  Dim product = sum;
  for (int i = 0; i < 20; ++i) product = product * sum;
  EXPECT_TRUE(product.ToString().find('?') != std::string::npos);
  for (int i = 0; i < 100; ++i) quotient = quotient + Dim::FloorDivide(quotient, Dim(2));
  EXPECT_LT(quotient.ToString().size(), 20000U);
}

TEST(Dim, PutsNumbersInPlaceOfNames) {
  const Dim n = Dim::Symbol("N"), h = Dim::Symbol("height_2");
  const Dim half = Dim::FloorDivide(h + 1, 2);
  EXPECT_EQ((n * 2 + 1).With({{"N", 5}}), Dim(11));
  EXPECT_EQ((n * half * half).With({{"height_2", 7}}), n * 16);
  EXPECT_EQ((n * half).With({{"N", 3}, {"height_2", 7}}), Dim(12));
  EXPECT_EQ((n * half).With({{"M", 3}}), n * half);
  EXPECT_EQ(Dim::FloorDivide(n, h).With({{"height_2", 0}}), Dim::FloorDivide(n, h));
  EXPECT_EQ(Dim::FloorDivide(half, h).With({{"height_2", 3}}), Dim(0));
  EXPECT_EQ(Dim(4).With({{"N", 3}}), Dim(4));
  const Dim unknown = Dim::Unknown();
  EXPECT_EQ((unknown + n).With({{"N", 3}}), unknown + 3);
}

TEST(Dim, NamesTheSizesThatItDependsOn) {
  const Dim n = Dim::Symbol("N"), h = Dim::Symbol("H"), w = Dim::Symbol("W");
  EXPECT_EQ(Dim(3).named_sizes(), std::set<std::string>());
  EXPECT_EQ((n + Dim::FloorDivide(h, Dim::FloorDivide(w, 2))).named_sizes(),
            (std::set<std::string>{"H", "N", "W"}));
  EXPECT_EQ((Dim::Unknown() * n).named_sizes(), (std::set<std::string>{"N"}));
}

}  // namespace
}  // namespace octavo
