#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::Ints;
using testing::kNone;
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

Dim Number(DType dtype) { return ScalarTypeNumber(dtype); }

void ExpectItself(const OneCall& call) {
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered) << lowered.error().ToString();
  // An output has a name of its own, so a graph that does nothing has an Identity.
  ASSERT_THAT(Ops(lowered), ElementsAre("Identity"));
  EXPECT_EQ(std::get<ir::ValueId>(lowered->graph.nodes()[0].arguments[0].value), lowered->graph.inputs()[0]);
}

TEST(Identities, TheyAddNoNode) {
  struct Case {
    const char* op;
    std::vector<ir::Operand> arguments;
  };
  const Case cases[] = {
      {"aten::dropout", {0.5, false}},
      {"aten::dropout", {0.0, true}},
      {"aten::feature_dropout", {0.5, false}},
      {"aten::alpha_dropout", {0.5, false}},
      {"aten::contiguous", {Dim(0)}},
      {"aten::clone", {kNone}},
      {"aten::detach", {}},
      {"aten::to", {std::string("cpu"), Number(DType::kFloat32), false, false}},
      {"aten::to", {Number(DType::kFloat32), false, false, kNone}},
      {"aten::to", {kNone, kNone, false, false}},
      {"aten::to", {std::string("cuda:0"), kNone}},
      {"aten::requires_grad_", {true}},
      {"aten::cpu", {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op);
    OneCall call(RegisterIdentities);
    std::vector<ir::Operand> arguments = {call.Input(Float32(Shape{2, 3}))};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Status status = call.Call(c.op, arguments);
    ASSERT_TRUE(status) << status.error().ToString();
    ExpectItself(call);
  }
}

TEST(Identities, OfQuantizedTensorsToo) {
  OneCall call(RegisterIdentities);
  const TensorType type = Quint8(Shape{2, 3}, 0.5, 3);
  ASSERT_TRUE(call.Call("quantized::dropout", {call.Input(type), 0.1, Dim(7), 0.5, false}));
  EXPECT_EQ(call.result(), type) << "PyTorch does not look at the scale that it is given";
  ExpectItself(call);
}

TEST(Identities, DropoutOfATrainingModelIsRefused) {
  OneCall call(RegisterIdentities);
  const Status status = call.Call("aten::dropout", {call.Input(Float32()), 0.5, true});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().hint(), HasSubstr("eval()"));
}

TEST(Identities, ACastIsWrittenWhereOneIsAskedFor) {
  OneCall call(RegisterIdentities);
  ASSERT_TRUE(call.Call("aten::to", {call.Input(Float32(Shape{2})), Number(DType::kInt64), false, false}));
  EXPECT_EQ(call.result().dtype, DType::kInt64);
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Cast"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Cast"), "to"), ElementsAre(7));
}

TEST(Identities, ToOther) {
  OneCall call(RegisterIdentities);
  const ir::ValueId x = call.Input({.dtype = DType::kInt32, .shape = Shape{2}, .quantization = {}});
  ASSERT_TRUE(call.Call("aten::type_as", {x, call.Input(Float32())}));
  EXPECT_EQ(call.result().dtype, DType::kFloat32);
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast"));
}

TEST(Identities, QuantizedTensorsAreNotConverted) {
  OneCall call(RegisterIdentities);
  EXPECT_FALSE(
      call.Call("aten::to", {call.Input(Quint8(Shape{2}, 0.5, 3)), Number(DType::kFloat32), false, false}));
  OneCall back(RegisterIdentities);
  EXPECT_FALSE(back.Call("aten::to", {back.Input(Float32()), Number(DType::kQUint8), false, false}));
  OneCall complex(RegisterIdentities);
  EXPECT_FALSE(complex.Call("aten::to", {complex.Input(Float32()), Number(DType::kComplex64), false, false}));
}

}  // namespace
}  // namespace octavo
