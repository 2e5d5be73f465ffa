#include "octavo/arithmetic/pytorch/layers.h"

#include <vector>

#include <gtest/gtest.h>

namespace octavo::arithmetic::pytorch {
namespace {

struct Answer {
  LayerKernel kernel;
  LayerScales scales;
  float bias;
  std::int64_t zero_point, sum;
  float level;
};

// From PyTorch 2.13.0 (pip, x86-64): sums for which the kernels do not all agree.
TEST(LayerChannel, GivesPyTorchsLevels) {
  const std::vector<Answer> answers = {
      {LayerKernel::kQnnpack,
       {0.0399274080139332, 0.0013631007782904494, 0.13549501281130003, true},
       0.29017502069473267F,
       104,
       117902,
       154},
      {LayerKernel::kFbgemm,
       {0.0399274080139332, 0.0013631007782904494, 0.13549501281130003, true},
       0.29017502069473267F,
       104,
       117902,
       153},
      {LayerKernel::kOnednn,
       {0.0399274080139332, 0.0013631007782904494, 0.13549501281130003, true},
       0.29017502069473267F,
       104,
       117902,
       153},
      {LayerKernel::kOnednnLinear,
       {0.0399274080139332, 0.0013631007782904494, 0.13549501281130003, true},
       0.29017502069473267F,
       104,
       117902,
       153},
      {LayerKernel::kQnnpack,
       {0.06826577979722874, 0.006342579042271035, 0.15932305039758032, false},
       0.0821574404835701F,
       118,
       -20244,
       64},
      {LayerKernel::kFbgemm,
       {0.06826577979722874, 0.006342579042271035, 0.15932305039758032, false},
       0.0821574404835701F,
       118,
       -20244,
       63},
      {LayerKernel::kOnednn,
       {0.06826577979722874, 0.006342579042271035, 0.15932305039758032, false},
       0.0821574404835701F,
       118,
       -20244,
       63},
      {LayerKernel::kOnednnLinear,
       {0.06826577979722874, 0.006342579042271035, 0.15932305039758032, false},
       0.0821574404835701F,
       118,
       -20244,
       63},
      {LayerKernel::kQnnpack,
       {0.05076773357613261, 0.006770482101708261, 0.14694671221538022, false},
       -0.5990279912948608F,
       108,
       -4456,
       93},
      {LayerKernel::kFbgemm,
       {0.05076773357613261, 0.006770482101708261, 0.14694671221538022, false},
       -0.5990279912948608F,
       108,
       -4456,
       94},
      {LayerKernel::kFbgemm,
       {0.06161847595115859, 0.005108529850266377, 0.16590946325493694, false},
       0.01708163134753704F,
       119,
       12332,
       143},
      {LayerKernel::kFbgemm,
       {0.03956175167063462, 0.0023275643515185706, 0.17476397909060964, true},
       -0.058444757014513016F,
       188,
       81296,
       231},
      {LayerKernel::kOnednnLinear,
       {0.08243463697241167, 0.006655021972009047, 0.10770077360063421, true},
       -0.9262093305587769F,
       43,
       21418,
       143},
  };
  for (const Answer& a : answers) {
    EXPECT_EQ(LayerChannel(a.kernel, a.scales, a.bias, a.zero_point).Level(a.sum), a.level)
        << a.sum << " with kernel " << static_cast<int>(a.kernel);
  }
}

// All scales 1: a sum and half a step of bias is a tie, and the zero point is odd.
TEST(LayerChannel, OnednnRoundsWithTheZeroPoint) {
  const LayerScales ones;
  EXPECT_EQ(LayerChannel(LayerKernel::kFbgemm, ones, 0.5F, 1).Level(2), 3);
  EXPECT_EQ(LayerChannel(LayerKernel::kOnednn, ones, 0.5F, 1).Level(2), 4);
  EXPECT_EQ(LayerChannel(LayerKernel::kOnednnLinear, ones, 0.5F, 1).Level(2), 4);
  EXPECT_EQ(LayerChannel(LayerKernel::kQnnpack, ones, 0.5F, 1).Level(2), 3);  // the bias is 0
}

TEST(KernelOf, X86ChoosesPerLayer) {
  EXPECT_EQ(KernelOf(Engine::kX86, {}), LayerKernel::kOnednn);
  EXPECT_EQ(KernelOf(Engine::kX86, {.groups = 100}), LayerKernel::kOnednn);
  EXPECT_EQ(KernelOf(Engine::kX86, {.groups = 101}), LayerKernel::kFbgemm);
  EXPECT_EQ(KernelOf(Engine::kX86, {.symmetric_weights = false}), LayerKernel::kFbgemm);
  EXPECT_EQ(KernelOf(Engine::kX86, {.output_padding = true}), LayerKernel::kFbgemm);
  EXPECT_EQ(KernelOf(Engine::kX86, {.linear = true}), LayerKernel::kFbgemm);
  EXPECT_EQ(KernelOf(Engine::kOnednn, {.linear = true}), LayerKernel::kOnednnLinear);
  EXPECT_EQ(KernelOf(Engine::kQnnpackX86, {}), LayerKernel::kQnnpack);
}

}  // namespace
}  // namespace octavo::arithmetic::pytorch
