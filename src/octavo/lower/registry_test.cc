#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/operators.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    x_ = graph_.AddInput("x", {.dtype = DType::kFloat32, .shape = Shape{2, 3}});
    pooling_ = {.name = "test::pool",
                .arguments = {arg::Tensor("self"), arg::Ints("kernel_size", 2),
                              arg::IntsLike("stride", 2, "kernel_size"), arg::Ints("padding", 2, {0}),
                              arg::Bool("ceil_mode", false), arg::KeywordOnly(arg::OptionalFloat("factor"))},
                .result = SameType("self")};
  }

  std::vector<ir::Operand> Bound(const std::vector<ir::Argument>& arguments) {
    Registry registry;
    registry.Add(pooling_);
    auto call = registry.Match(graph_, "test::pool", arguments);
    EXPECT_TRUE(call) << call.error().ToString();
    return call && *call ? (*call)->arguments : std::vector<ir::Operand>();
  }
  std::string Refusal(const std::vector<ir::Argument>& arguments) {
    Registry registry;
    registry.Add(pooling_);
    auto call = registry.Match(graph_, "test::pool", arguments);
    return call ? "" : call.error().ToString();
  }

  static Emitter Named(int* called, int number) {
    return [=](Builder&, const Arguments&) -> Result<std::vector<Value>> {
      *called = number;
      return std::vector<Value>();
    };
  }
  static int Call(const Emitter* emitter, int* called) {
    ir::Graph graph;
    Builder builder(&graph, {});
    const std::vector<ArgumentSpec> specs;
    EXPECT_TRUE((*emitter)(builder, Arguments(&graph, &specs, {})));
    return *called;
  }

  ir::Graph graph_;
  ir::ValueId x_;
  OperatorRow pooling_;
};

TEST_F(RegistryTest, BindsByPositionAndFillsDefaultsIn) {
  const auto bound = Bound({{"", x_}, {"", std::vector<Dim>{3, 2}}});
  ASSERT_EQ(bound.size(), 6u);
  EXPECT_EQ(std::get<std::vector<Dim>>(bound[1]), (std::vector<Dim>{3, 2}));
  EXPECT_EQ(std::get<std::vector<Dim>>(bound[2]), (std::vector<Dim>{3, 2})) << "no stride: the kernel's size";
  EXPECT_EQ(std::get<std::vector<Dim>>(bound[3]), (std::vector<Dim>{0, 0}));
  EXPECT_EQ(std::get<bool>(bound[4]), false);
  EXPECT_TRUE(std::holds_alternative<ir::None>(bound[5]));
}

TEST_F(RegistryTest, BindsByNameInAnyOrder) {
  const auto bound = Bound({{"", x_}, {"ceil_mode", true}, {"factor", Dim(2)}, {"kernel_size", Dim(3)}});
  EXPECT_EQ(std::get<std::vector<Dim>>(bound[1]), (std::vector<Dim>{3, 3})) << "one number stands for both";
  EXPECT_EQ(std::get<bool>(bound[4]), true);
  EXPECT_EQ(std::get<double>(bound[5]), 2.0) << "an int is a float";
}

TEST_F(RegistryTest, AnEmptyListFitsWhateverItsType) {
  const auto bound = Bound({{"", x_}, {"", Dim(3)}, {"", ir::ValueList{}}});
  EXPECT_EQ(std::get<std::vector<Dim>>(bound[2]), (std::vector<Dim>{3, 3}));
}

TEST_F(RegistryTest, RefusalsNameTheArgument) {
  EXPECT_THAT(Refusal({{"", x_}}), HasSubstr("argument kernel_size is missing"));
  EXPECT_THAT(Refusal({{"", Dim(1)}, {"", Dim(1)}}),
              HasSubstr("argument self must be a tensor, not the int 1"));
  EXPECT_THAT(Refusal({{"", x_}, {"", 1.5}}),
              HasSubstr("argument kernel_size must be a list of ints, not the float"));
  EXPECT_THAT(Refusal({{"", x_}, {"", std::vector<Dim>{1, 2, 3}}}), HasSubstr("must have 2 elements, not 3"));
  EXPECT_THAT(Refusal({{"", x_}, {"", Dim(1)}, {"size", Dim(1)}}), HasSubstr("unknown argument size"));
  EXPECT_THAT(Refusal({{"", x_}, {"", Dim(1)}, {"self", x_}}), HasSubstr("argument self is given twice"));
  EXPECT_THAT(Refusal({{"", x_}, {"", ir::None{}}}), HasSubstr("must be a list of ints, not None"));
  EXPECT_THAT(
      Refusal({{"", x_}, {"", Dim(1)}, {"", Dim(1)}, {"", Dim(1)}, {"", false}, {"", 1.0}, {"", 1.0}}),
      HasSubstr("takes 5 arguments"));
}

TEST_F(RegistryTest, TriesOverloadsInOrder) {
  Registry registry;
  registry.Add({.name = "test::mean", .arguments = {arg::Tensor("self")}, .result = SameType("self")});
  registry.Add({.name = "test::mean.dim",
                .arguments = {arg::Tensor("self"), arg::Ints("dim"), arg::Bool("keepdim", false)},
                .result = SameType("self")});
  auto match = [&](const std::vector<ir::Argument>& arguments) {
    return registry.Match(graph_, "test::mean", arguments);
  };
  EXPECT_EQ((*match({{"", x_}}))->row->name, "test::mean");
  EXPECT_EQ((*match({{"", x_}, {"", std::vector<Dim>{1}}}))->row->name, "test::mean.dim");
  const auto neither = match({{"", x_}, {"", std::string("rows")}});
  ASSERT_FALSE(neither);
  EXPECT_THAT(neither.error().ToString(), HasSubstr("test::mean: no overload takes these arguments"));
  EXPECT_THAT(neither.error().ToString(), HasSubstr("test::mean.dim: argument dim must be"));
  EXPECT_FALSE(*registry.Match(graph_, "test::median", {}));
}

TEST_F(RegistryTest, TheNewestVersionNotAboveTheTargetWins) {
  int called = 0;
  Registry registry;
  registry.Add({.name = "test::op",
                .result = SameType("self"),
                .qdq = Named(&called, 13),
                .caffe2 = Named(&called, 9)});
  registry.AddVersion("test::op", Dialect::kQdq, 18, Named(&called, 18));
  const OperatorRow& row = *registry.rows()[0];
  EXPECT_EQ(Call(registry.FindEmitter(row, Dialect::kQdq, 13), &called), 13);
  EXPECT_EQ(Call(registry.FindEmitter(row, Dialect::kQdq, 17), &called), 13);
  EXPECT_EQ(Call(registry.FindEmitter(row, Dialect::kQdq, 18), &called), 18);
  EXPECT_EQ(Call(registry.FindEmitter(row, Dialect::kQdq, 21), &called), 18);
  EXPECT_EQ(Call(registry.FindEmitter(row, Dialect::kCaffe2, 9), &called), 9);
  EXPECT_EQ(registry.FindEmitter(row, Dialect::kQdq, 12), nullptr);
}

TEST_F(RegistryTest, ACustomRowOverridesAndIsTriedFirst) {
  Registry registry;
  registry.Add(pooling_);
  OperatorRow mine = pooling_;
  mine.arguments.resize(2);
  ASSERT_TRUE(registry.AddCustom(mine));
  EXPECT_EQ((*registry.Match(graph_, "test::pool", std::vector<ir::Argument>{{"", x_}, {"", Dim(3)}}))
                ->arguments.size(),
            2u);
  const Status twice = registry.AddCustom(mine);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().ToString(), HasSubstr("registered twice"));
  mine.name = "pool";
  EXPECT_FALSE(registry.AddCustom(mine)) << "a name needs its namespace";
  mine.name = "test::other";
  mine.result = nullptr;
  EXPECT_FALSE(registry.AddCustom(mine));
}

TEST_F(RegistryTest, RegisteringABuiltInRowTwiceEndsTheProgram) {
  Registry registry;
  registry.Add(pooling_);
  EXPECT_DEATH(registry.Add(pooling_), "test::pool is registered twice");
}

TEST(Rules, BroadcastFollowsNumpy) {
  const Dim n = Dim::Symbol("N");
  EXPECT_EQ(*Broadcast({n, 3, 1}, {4}), (Shape{n, 3, 4}));
  EXPECT_EQ(*Broadcast({1, 3}, {n, 1}), (Shape{n, 3}));
  EXPECT_EQ(*Broadcast({}, {2}), (Shape{2}));
  EXPECT_EQ(*Broadcast({n}, {5}), (Shape{5}));
  // Of two open sizes, one that cannot be 1 is the result's.
  const Dim m = Dim::Symbol("M");
  EXPECT_EQ(*Broadcast({n}, {m + 1}), (Shape{m + 1}));
  EXPECT_EQ(*Broadcast({m + 1}, {n}), (Shape{m + 1}));
  EXPECT_EQ(*Broadcast({n}, {Dim::FloorDivide(n, 2) * 2}), (Shape{Dim::FloorDivide(n, 2) * 2}));
  EXPECT_NE(*Broadcast({n}, {m}), (Shape{m})) << "M may be 1";
  EXPECT_NE(*Broadcast({n}, {m}), (Shape{n})) << "N may be 1";
  EXPECT_FALSE(Broadcast({2}, {3}));
}

TEST(Rules, PromotionIsPyTorchs) {
  // torch.promote_types in PyTorch 1.13.
  EXPECT_EQ(Promote(DType::kUint8, DType::kInt8), DType::kInt16);
  EXPECT_EQ(Promote(DType::kUint8, DType::kInt32), DType::kInt32);
  EXPECT_EQ(Promote(DType::kInt64, DType::kFloat16), DType::kFloat16);
  EXPECT_EQ(Promote(DType::kFloat16, DType::kBFloat16), DType::kFloat32);
  EXPECT_EQ(Promote(DType::kBool, DType::kUint8), DType::kUint8);
  EXPECT_EQ(Promote(DType::kFloat32, DType::kFloat64), DType::kFloat64);
}

TEST(Rules, ScalesAndZeroPointsAreChecked) {
  EXPECT_TRUE(CheckedQuantization(0.5, 255, DType::kQUint8));
  for (const double scale : {0.0, -1.0, double(NAN), double(INFINITY), 1e-60, 1e60}) {
    EXPECT_FALSE(CheckedQuantization(scale, 0, DType::kQUint8)) << scale;
  }
  EXPECT_FALSE(CheckedQuantization(1, 256, DType::kQUint8));
  EXPECT_FALSE(CheckedQuantization(1, -1, DType::kQUint8));
  EXPECT_FALSE(CheckedQuantization(1, 128, DType::kQInt8));
  EXPECT_TRUE(CheckedQuantization(1, -128, DType::kQInt8));
}

}  // namespace
}  // namespace octavo
