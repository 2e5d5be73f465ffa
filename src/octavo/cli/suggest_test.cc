#include "octavo/cli/suggest.h"

#include <gtest/gtest.h>

namespace octavo::cli {
namespace {

const std::vector<std::string> kTargets = {"onnxruntime", "openvino", "tensorrt"};

TEST(Meant, IsTheClosestOrTheOnlyOneThatIsAbbreviated) {
  EXPECT_EQ(Meant("tensorr", kTargets), "tensorrt");
  EXPECT_EQ(Meant("trt", kTargets), "tensorrt");
  EXPECT_EQ(Meant("ort", kTargets), "onnxruntime");
  EXPECT_EQ(Meant("o", kTargets), "");
  EXPECT_EQ(Meant("on", kTargets), "");
  EXPECT_EQ(Meant("toaster", kTargets), "");
}

TEST(OneOf, ListsChoices) {
  EXPECT_EQ(OneOf({"a"}), "a");
  EXPECT_EQ(OneOf({"a", "b"}), "a or b");
  EXPECT_EQ(OneOf(kTargets), "onnxruntime, openvino or tensorrt");
}

}  // namespace
}  // namespace octavo::cli
