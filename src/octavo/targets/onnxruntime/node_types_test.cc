#include "octavo/targets/onnxruntime/node_types.h"

#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"

namespace octavo::targets::onnxruntime {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

Status Checked(const std::string& text, int opset) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  if (!graph) return graph.error();
  graph->opsets[""] = opset;
  return CheckNodeTypes(*graph);
}

Status CheckedUnary(const std::string& op, const std::string& dtype, int opset) {
  return Checked("input %x: " + dtype + "[2]\n%y = " + op + "(%x)\noutput y = %y\n", opset);
}

TEST(NodeTypes, KernelsDependOnTheDTypeAndTheOpset) {
  for (const auto& [op, dtype, opset, loads] :
       std::vector<std::tuple<const char*, const char*, int, bool>>{{"Relu", "float32", 17, true},
                                                                    {"Relu", "float64", 17, true},
                                                                    {"Relu", "int32", 13, false},
                                                                    {"Relu", "int32", 17, true},
                                                                    {"Relu", "int64", 17, false},
                                                                    {"Relu", "uint8", 17, false},
                                                                    {"Neg", "uint8", 17, false},
                                                                    {"Erf", "float64", 17, false},
                                                                    {"Erf", "float16", 17, true},
                                                                    {"Elu", "float64", 17, false},
                                                                    {"Elu", "float64", 18, true},
                                                                    {"Celu", "float16", 17, false},
                                                                    {"ReduceMax", "int16", 17, false},
                                                                    {"ReduceMax", "bool", 20, true},
                                                                    {"Identity", "int16", 17, true},
                                                                    {"mylib::Relu", "int64", 17, true}}) {
    const Status status = CheckedUnary(op, dtype, opset);
    EXPECT_EQ(status.has_value(), loads) << op << " " << dtype << " " << opset;
    if (!status) {
      EXPECT_THAT(status.error().what(), HasSubstr("ONNX Runtime has no"));
    }
  }
}

TEST(NodeTypes, OperandsHaveOneDType) {
  constexpr const char* kInputs = "input %c: bool[2]; input %x: float64[2]; input %y: float32[2]\n";
  const auto message = [&](const std::string& node) {
    const Status status = Checked(kInputs + node + "\noutput z = %z\n", 17);
    return status ? std::string() : status.error().what();
  };
  EXPECT_EQ(message("%z = Mul(%x, %x)"), "");
  EXPECT_EQ(message("%z = Mul(%x, %y)"), "ONNX's Mul takes operands of one dtype, not float64 and float32");
  EXPECT_EQ(message("%z = Where(%c, %x, %x)"), "");
  EXPECT_EQ(message("%z = Where(%c, %x, %y)"),
            "ONNX's Where takes operands of one dtype, not float64 and float32");
  EXPECT_EQ(message("%z = Where(%c, %c, %c)"), "ONNX Runtime has no Where for bool in opset 17");
  EXPECT_EQ(message("%z = Clip(%x, None, %y)"),
            "ONNX's Clip takes operands of one dtype, not float64 and float32");
}

TEST(NodeTypes, EveryNodeIsNamed) {
  const Status status =
      Checked("input %x: int64[2]\n%y = Relu(%x)\n%z = Relu(%x)\noutput y = %y\noutput z = %z\n", 17);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(status.error().details(), SizeIs(2));
}

}  // namespace
}  // namespace octavo::targets::onnxruntime
