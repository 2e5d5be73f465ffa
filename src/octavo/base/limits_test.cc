#include "octavo/base/limits.h"

#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace octavo {
namespace {

std::uint64_t ValueOf(const Limits& limits, const Limit& limit) {
  return std::visit([&](auto field) { return static_cast<std::uint64_t>(limits.*field); }, limit.field);
}

TEST(LimitsTable, HasEveryField) {
  const auto [memory, work, records, inflated, pickle_depth, pickle_nodes, source_depth, syntax_nodes,
              call_depth, steps, list_length, values, graph_nodes] = Limits();
  EXPECT_EQ(AllLimits().size(), 13);
  static_cast<void>(memory + work + records + inflated + pickle_nodes + syntax_nodes + values + graph_nodes);
  static_cast<void>(pickle_depth + source_depth + call_depth + steps + list_length);
}

TEST(LimitsTable, SetsTheFieldOfItsNameAlone) {
  std::set<std::string_view> names;
  for (const Limit& limit : AllLimits()) {
    EXPECT_TRUE(names.insert(limit.name).second) << limit.name;
    Limits limits;
    ASSERT_TRUE(SetLimit(limits, std::string(limit.name) + "=77"));
    for (const Limit& other : AllLimits()) {
      EXPECT_EQ(ValueOf(limits, other), other.name == limit.name ? 77 : ValueOf(Limits(), other));
    }
  }
}

TEST(LimitsTable, TakesSuffixes) {
  Limits limits;
  ASSERT_TRUE(SetLimit(limits, "memory=16G"));
  EXPECT_EQ(limits.max_memory_bytes, std::uint64_t{16} << 30);
  ASSERT_TRUE(SetLimit(limits, "memory=3K"));
  EXPECT_EQ(limits.max_memory_bytes, 3072);
  ASSERT_TRUE(SetLimit(limits, "work=20G"));
  EXPECT_EQ(limits.max_work, 20'000'000'000);
  ASSERT_TRUE(SetLimit(limits, "steps=5M"));
  EXPECT_EQ(limits.max_steps, 5'000'000);
}

TEST(LimitsTable, RefusesWhatIsNoLimit) {
  for (const char* text : {"", "memory", "memory=", "memory=0", "memory=-1", "memory=G", "memory=1T",
                           "memory=1GG", "memory=1.5G", "memory= 1", "memory=9999999999G", "size=3",
                           "call-depth=3G", "steps=99999999999999999999"}) {
    Limits limits;
    const Status status = SetLimit(limits, text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(limits.max_memory_bytes, 0);
  }
}

}  // namespace
}  // namespace octavo
