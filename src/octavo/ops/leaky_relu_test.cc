#include "octavo/ops/leaky_relu.h"

#include <gtest/gtest.h>

#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::Quint8;

TEST(LeakyReluForm, KeepsScalesThatAreExactAlready) {
  const TensorType type = Quint8(std::nullopt, 0.0173, 113);
  const LeakyReluForm form = FindLeakyReluForm(type, type, 0.01F);
  EXPECT_EQ(form.differing, 0);
  EXPECT_EQ(form.input_scale, 0.0173F);
  EXPECT_EQ(form.output_scale, 0.0173F);
  EXPECT_EQ(form.slope, 0.01F);
}

TEST(LeakyReluForm, MovesBothScalesWhereResultsLieHalfway) {
  const TensorType type = Quint8(std::nullopt, 0.05, 100);
  const LeakyReluForm form = FindLeakyReluForm(type, type, 0.1F);
  EXPECT_EQ(form.differing, 0);
  EXPECT_NE(form.input_scale, 0.05F);
  EXPECT_NEAR(form.output_scale / form.input_scale, 1.0F, 1e-6F);
  EXPECT_NEAR(form.slope, 0.1F, 1e-7F);
}

// Every fourth result lies halfway, which is more than two scales can decide.
TEST(LeakyReluForm, CountsWhatIsLeft) {
  const TensorType type = Quint8(std::nullopt, 0.0371, 255);
  const LeakyReluForm form = FindLeakyReluForm(type, type, 0.5F);
  EXPECT_GT(form.differing, 0);
  EXPECT_LT(form.differing, 64);
}

}  // namespace
}  // namespace octavo
