#include <utility>

#include <gtest/gtest.h>

#include "octavo/arithmetic/pytorch/batch_norm.h"
#include "octavo/arithmetic/pytorch/silu.h"

namespace octavo::arithmetic::pytorch {
namespace {

// From PyTorch 2.13.0: numbers for which the float64 result, rounded once, is another one.
TEST(Silu, GivesPyTorchsNumbers) {
  for (const auto& [x, y] : {std::pair(-0x1.b64a58p+5F, -0x1.aa53e6p-74F),
                             {-0x1.d7f006p+4F, -0x1.417a58p-38F},
                             {-0x1.13f90ap+4F, -0x1.2b1234p-21F},
                             {-0x1.0629c8p+2F, -0x1.128726p-4F},
                             {0x1.c1cc64p+2F, 0x1.c16666p+2F}}) {
    EXPECT_EQ(Silu(x), y) << x;
  }
  EXPECT_EQ(Silu(100), 100);
  EXPECT_EQ(Silu(-100), 0);
}

// For which a product and a sum that are both rounded give another one.
TEST(BatchNorm, GivesPyTorchsNumbers) {
  const ChannelAffine channel = BatchNormAffine(0.37F, 1.91F, 0.83F, -0.21F, 1e-5F);
  for (const auto& [x, y] : {std::pair(-0x1.fd4fe0p+0F, -0x1.a0854ep+0F),
                             {-0x1.f8e21ap+0F, -0x1.9ddc66p+0F},
                             {-0x1.f47454p+0F, -0x1.9b337ep+0F},
                             {-0x1.f0068ep+0F, -0x1.988a96p+0F}}) {
    EXPECT_EQ(BatchNormalized(x, channel), y) << x;
  }
}

}  // namespace
}  // namespace octavo::arithmetic::pytorch
