#include "octavo/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace octavo {
namespace {

Tensor Bytes0ToN(std::vector<std::int64_t> sizes, DType dtype = DType::kQInt8) {
  std::int64_t n = 1;
  for (const auto s : sizes) n *= s;
  std::vector<std::int8_t> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int8_t>(i * 7);
  return Tensor::From(dtype, std::move(sizes), values);
}

// Element by element, from the definition of a strided view.
std::vector<std::byte> ElementByElement(const Tensor& t) {
  std::vector<std::byte> out;
  const std::size_t size = ElementSize(t.dtype);
  std::vector<std::int64_t> index(t.sizes.size(), 0);
  for (std::int64_t n = 0; n < t.num_elements(); ++n) {
    std::int64_t at = t.offset;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * t.strides[d];
    for (std::size_t b = 0; b < size; ++b) {
      std::byte value = t.storage->bytes[static_cast<std::size_t>(at) * size + b];
      if (t.flip_sign_bit) value ^= std::byte{0x80};
      out.push_back(value);
    }
    for (std::size_t d = index.size(); d-- > 0;) {
      if (++index[d] < t.sizes[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

TEST(Tensor, ReadsViewsInRowMajorOrder) {
  std::mt19937 random(1);
  for (const DType dtype : {DType::kQInt8, DType::kFloat32, DType::kInt64}) {
    for (int trial = 0; trial < 200; ++trial) {
      const int rank = static_cast<int>(random() % 6);
      std::vector<std::int64_t> sizes;
      std::int64_t n = 1;
      for (int d = 0; d < rank; ++d) {
        sizes.push_back(static_cast<std::int64_t>(random() % 6));
        n *= sizes.back();
      }
      std::vector<std::byte> bytes(static_cast<std::size_t>(n) * ElementSize(dtype));
      for (auto& b : bytes) b = static_cast<std::byte>(random());
      Tensor t = Tensor::FromBytes(dtype, sizes, bytes);
      std::vector<int> order(static_cast<std::size_t>(rank));
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      const Tensor view = t.Permuted(order);
      EXPECT_EQ(view.Bytes(), ElementByElement(view));
      if (dtype == DType::kQInt8) {
        EXPECT_EQ(view.ShiftedBy128().Bytes(), ElementByElement(view.ShiftedBy128()));
      }
    }
  }
}

TEST(Tensor, ReadsChannelsLastWeightsOfEverySize) {
  for (const std::int64_t out : {1, 3}) {
    for (const std::int64_t in : {1, 2, 31, 32, 33, 1000}) {
      for (const std::int64_t window : {1, 3, 11}) {
        const Tensor ohwi = Bytes0ToN({out, window, window, in});
        const Tensor oihw = ohwi.Permuted(std::vector<int>{0, 3, 1, 2});
        EXPECT_EQ(oihw.Bytes(), ElementByElement(oihw)) << out << " " << in << " " << window;
      }
    }
  }
  // Larger than one piece in every direction.
  for (const auto& sizes :
       std::vector<std::vector<std::int64_t>>{{2, 3, 3, 70000}, {1, 600, 600, 3}, {1, 1, 700000, 1}}) {
    const Tensor oihw = Bytes0ToN(sizes).Permuted(std::vector<int>{0, 3, 1, 2});
    EXPECT_EQ(oihw.Bytes(), ElementByElement(oihw));
  }
}

TEST(Tensor, ReadsExpandedAndOffsetViews) {
  Tensor t = Tensor::Floats({4}, {1, 2, 3, 4});
  t.offset = 1;
  t.sizes = {2, 3};
  t.strides = {0, 1};
  EXPECT_EQ(t.ToFloats(), (std::vector<float>{2, 3, 4, 2, 3, 4}));
  EXPECT_FALSE(t.contiguous());
}

TEST(Tensor, AContiguousTensorIsHandedOutWithoutACopy) {
  const Tensor t = Tensor::Floats({2, 2}, {1, 2, 3, 4});
  int pieces = 0;
  ASSERT_TRUE(t.Read([&](std::span<const std::byte> piece) -> Status {
    ++pieces;
    EXPECT_EQ(piece.data(), t.storage->bytes.data());
    EXPECT_EQ(piece.size(), 16u);
    return {};
  }));
  EXPECT_EQ(pieces, 1);
}

TEST(Tensor, ASinkMayStopTheReading) {
  const Tensor t = Bytes0ToN({300, 3000}).Permuted(std::vector<int>{1, 0});
  int pieces = 0;
  const Status status = t.Read([&](std::span<const std::byte>) -> Status {
    ++pieces;
    return IoError("full");
  });
  EXPECT_FALSE(status);
  EXPECT_EQ(pieces, 1);
}

TEST(Tensor, EmptyAndScalar) {
  EXPECT_TRUE(Tensor::Floats({0, 5}, {}).Bytes().empty());
  EXPECT_EQ(Tensor::Scalar(2.5f).ToFloats(), std::vector<float>{2.5f});
  EXPECT_EQ(Tensor::Scalar(2.5f).rank(), 0);
}

TEST(Tensor, PermutingMovesTheQuantizedAxis) {
  Tensor t = Bytes0ToN({2, 3, 4});
  t.quantization = Quantization{.scales = {1, 2}, .zero_points = {0, 0}, .axis = 0};
  EXPECT_EQ(t.Permuted(std::vector<int>{2, 0, 1}).quantization->axis, 1);
}

TEST(Tensor, ShiftingKeepsTheReals) {
  Tensor t = Tensor::From<std::int8_t>(DType::kQInt8, {4}, {-128, -1, 0, 127});
  t.quantization = Quantization::PerTensor(0.5, -3);
  const Tensor shifted = t.ShiftedBy128();
  EXPECT_EQ(shifted.dtype, DType::kQUint8);
  EXPECT_EQ(shifted.ToInts(), (std::vector<std::int64_t>{0, 127, 128, 255}));
  EXPECT_EQ(shifted.quantization->zero_point(), 125);
}

TEST(Tensor, ConvertsHalfPrecision) {
  // Values and their bits from the definition of binary16: sign, 5 bits of exponent (bias 15), 10 of
  // fraction.
  const std::vector<std::uint16_t> bits = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff,
                                           0x0001, 0x03ff, 0x0400, 0x7c00};
  const std::vector<float> values = {0.f,      -0.f,    1.f, -2.f, 65504.f, 0x1p-24f, 0x1p-14f - 0x1p-24f,
                                     0x1p-14f, INFINITY};
  EXPECT_EQ(Tensor::From(DType::kFloat16, {9}, bits).ToFloats(), values);
  const std::vector<std::uint16_t> brain = {0x3f80, 0xc040};
  EXPECT_EQ(Tensor::From(DType::kBFloat16, {2}, brain).ToFloats(), (std::vector<float>{1.f, -3.f}));
}

TEST(TensorType, Text) {
  EXPECT_EQ(TensorType{}.ToString(), "?");
  EXPECT_EQ((TensorType{.dtype = DType::kFloat32}).ToString(), "float32");
  EXPECT_EQ((TensorType{.dtype = DType::kQUint8,
                        .shape = Shape{1, Dim::Symbol("N")},
                        .quantization = Quantization::PerTensor(0.5, 128)})
                .ToString(),
            "quint8[1,N](0.5,128)");
}

TEST(DType, NumbersAreThoseOfPyTorch) {
  // c10/core/ScalarType.h
  EXPECT_EQ(DTypeFromScalarType(0), DType::kUint8);
  EXPECT_EQ(DTypeFromScalarType(6), DType::kFloat32);
  EXPECT_EQ(DTypeFromScalarType(11), DType::kBool);
  EXPECT_EQ(DTypeFromScalarType(12), DType::kQInt8);
  EXPECT_EQ(DTypeFromScalarType(13), DType::kQUint8);
  EXPECT_EQ(DTypeFromScalarType(14), DType::kQInt32);
  EXPECT_EQ(DTypeFromScalarType(15), DType::kBFloat16);
  EXPECT_FALSE(DTypeFromScalarType(-1));
  EXPECT_FALSE(DTypeFromScalarType(99));
}

}  // namespace
}  // namespace octavo
