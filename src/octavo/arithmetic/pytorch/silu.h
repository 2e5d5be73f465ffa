#pragma once

#include <cmath>

// SiLU of floats on a CPU with FMA, float32, rounded after each step; fma rounds once.  Sources: in PyTorch's
// repository aten/src/ATen/native/cpu/Activation.cpp (silu_kernel), and Sleef's sleefsimdsp.c (expf with an
// error of one unit in the last place).

namespace octavo::arithmetic::pytorch {

// exp(x) of |x| < 87: 2^q exp(x - q ln 2), by a polynomial of degree 7.
inline float SleefExp(float x) {
  const float q = std::nearbyintf(x * 0x1.715476p+0F);
  const float rest = std::fma(q, -1.428606765330187045e-06F, std::fma(q, -0.693145751953125F, x));
  float u = 0.000198527617612853646278381F;
  for (const float coefficient : {0.00139304355252534151077271F, 0.00833336077630519866943359F,
                                  0.0416664853692054748535156F, 0.166666671633720397949219F, 0.5F}) {
    u = std::fma(u, rest, coefficient);
  }
  return std::ldexp(1.0F + std::fma(rest * rest, u, rest), static_cast<int>(q));
}

// Below -87 the result is within 10^-35 of 0.
inline float Silu(float x) {
  constexpr float kFar = 87;
  if (x < -kFar) return -0.0F;
  return x > kFar ? x : x / (1.0F + SleefExp(-x));
}

}  // namespace octavo::arithmetic::pytorch
