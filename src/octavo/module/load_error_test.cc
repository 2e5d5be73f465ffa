#include <bit>
#include <cstring>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/archive/zip_testing.h"
#include "octavo/module/load.h"

// What the reader refuses, and how it says so.  Files are real ones of PyTorch with one thing changed, or the
// smallest archive that holds the one value in question.

namespace octavo::module {
namespace {

using archive::Fixture;
using archive::TestFile;
using archive::TestZip;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;

Result<Module> LoadBytes(const std::string& bytes, const Limits& limits = {}) {
  const TestFile file(bytes);
  return Load(file.path(), limits);
}

void ExpectError(const Result<Module>& result, const std::string& what, const std::string& where,
                 ErrorCode code = ErrorCode::kInvalidFile) {
  ASSERT_FALSE(result) << "loaded, but " << what << " was expected";
  EXPECT_EQ(result.error().code(), code);
  EXPECT_THAT(result.error().what(), HasSubstr(what));
  EXPECT_THAT(result.error().where(), HasSubstr(where));
  EXPECT_FALSE(result.error().hint().empty()) << result.error().ToString();
}

TestZip Scripted() { return archive::ZipOf(Fixture("1.13/scripted.pt")); }

// ---- The smallest archive ----

std::string Str(const std::string& text) {
  std::string out = "X";
  TestZip::Put32(out, text.size());
  return out + text;
}
std::string Int(std::int64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  return "\x8a\x08"s + std::string(bytes, 8);
}
std::string Float(double value) {
  const std::uint64_t bits = __builtin_bswap64(std::bit_cast<std::uint64_t>(value));
  char bytes[8];
  std::memcpy(bytes, &bits, 8);
  return "G"s + std::string(bytes, 8);
}
std::string Global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string TupleOf(const std::string& items) { return "(" + items + "t"; }
std::string Call(const std::string& module, const std::string& name, const std::string& arguments) {
  return Global(module, name) + arguments + "R";
}

struct TensorText {
  std::string storage = "FloatStorage", key = "0";
  std::int64_t elements = 4, offset = 0;
  std::string sizes = "K\x04", strides = "K\x01";
  std::string quantization;  // of _rebuild_qtensor

  std::string Text() const {
    const std::string view =
        TupleOf(Str("storage") + Global("torch", storage) + Str(key) + Str("cpu") + Int(elements)) + "Q" +
        Int(offset) + TupleOf(sizes) + TupleOf(strides);
    return Call("torch._utils", quantization.empty() ? "_rebuild_tensor_v2" : "_rebuild_qtensor",
                TupleOf(view + quantization + "\x89" + Call("collections", "OrderedDict", ")")));
  }
};

// A module with the attribute `x`; the storages 0 (16 bytes), 1 and 2 (4 scales, 4 zero points).
TestZip Minimal(const std::string& attribute) {
  std::string scales, zeros;
  for (const float scale : {0.5F, 0.25F, 0.5F, 1.0F}) {
    TestZip::Put32(scales, std::bit_cast<std::uint32_t>(scale));
    TestZip::Put32(zeros, 0);
    TestZip::Put32(zeros, 0);
  }
  TestZip zip;
  zip.records = {{.name = "m/data.pkl",
                  .data = "\x80\x02" + Global("__torch__", "M") + ")\x81}" + Str("x") + attribute + "sb."},
                 {.name = "m/data/0", .data = std::string(16, '\1')},
                 {.name = "m/data/1", .data = scales},
                 {.name = "m/data/2", .data = zeros},
                 {.name = "m/constants.pkl", .data = "\x80\x02)."},
                 {.name = "m/code/__torch__.py",
                  .data = "class M(Module):\n  x : Any\nclass Color(Enum):\n  RED = 1\n",
                  .deflate = true},
                 {.name = "m/version", .data = "3\n"}};
  return zip;
}

Result<Module> LoadAttribute(const std::string& attribute, const Limits& limits = {}) {
  return LoadBytes(Minimal(attribute).Bytes(), limits);
}

void ExpectAttributeError(const std::string& attribute, const std::string& what,
                          ErrorCode code = ErrorCode::kInvalidFile) {
  SCOPED_TRACE(what);
  const auto result = LoadAttribute(attribute);
  ExpectError(result, what, "record data.pkl, byte ", code);
  // Errors of the pickle itself come before there are attributes.
  if (result || result.error().context().empty()) return;
  EXPECT_THAT(result.error().context()[0], testing::StartsWith("attribute x"));
}

TEST(LoadError, TheSmallestArchiveIsSound) {
  const auto module = LoadAttribute(TensorText().Text());
  ASSERT_TRUE(module) << module.error().ToString();
  EXPECT_EQ(std::get<Tensor>(module->root->Find("x")->v).sizes, std::vector<std::int64_t>{4});
}

// ---- The archive ----

TEST(LoadError, NoFile) {
  const auto result = Load("/nonexistent/model.pt");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kIo);
  EXPECT_THAT(result.error().what(), HasSubstr("/nonexistent/model.pt"));
}

TEST(LoadError, TruncatedAtEverySixteenth) {
  for (const char* name : {"1.13/scripted.pt", "2.13/traced.pt"}) {
    const std::string bytes = archive::ReadFile(Fixture(name));
    for (std::size_t i = 1; i < 16; ++i) {
      ExpectError(LoadBytes(bytes.substr(0, bytes.size() * i / 16)), "zip directory at the end", "");
    }
    ExpectError(LoadBytes(bytes.substr(0, bytes.size() - 1)), "zip directory at the end", "");
    ExpectError(LoadBytes(""), "empty", "");
  }
}

TEST(LoadError, MissingRecords) {
  for (const char* name : {"/data.pkl", "/constants.pkl", "/version", "/data/0", "/data/3"}) {
    TestZip zip = Scripted();
    std::erase_if(zip.records, [name](const auto& record) { return record.name == "scripted"s + name; });
    ASSERT_EQ(zip.records.size() + 1, Scripted().records.size());
    SCOPED_TRACE(name);
    const auto result = LoadBytes(zip.Bytes());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kInvalidFile);
    // Without data.pkl nothing tells the root folder from others, but the name.
    EXPECT_THAT(result.error().where(), HasSubstr(name));
    EXPECT_THAT(result.error().what(), AnyOf(HasSubstr("missing"), HasSubstr("no record")));
  }
  TestZip zip = Scripted();
  std::erase_if(zip.records, [](const auto& record) { return record.name.starts_with("scripted/code/"); });
  ExpectError(LoadBytes(zip.Bytes()), "code/", "code/");
}

TEST(LoadError, DuplicateRecords) {
  for (const char* name : {"/data.pkl", "/data/0", "/version"}) {
    TestZip zip = Scripted();
    zip.records.push_back(zip.Find(name));
    ExpectError(LoadBytes(zip.Bytes()), "twice", "record scripted"s + name);
  }
}

TEST(LoadError, FalseSizesAndChecksums) {
  for (const char* name : {"/data.pkl", "/constants.pkl", "/data/0", "/version"}) {
    TestZip zip = Scripted();
    zip.Find(name).crc = 0x12345678;
    ExpectError(LoadBytes(zip.Bytes()), "checksum", "record scripted"s + name);
    zip = Scripted();
    zip.Find(name).size = 3;
    ExpectError(LoadBytes(zip.Bytes()), "two sizes", "record scripted"s + name);
  }
  // A flipped bit in the middle of a tensor.
  TestZip zip = Scripted();
  std::string bytes = zip.Bytes();
  const std::size_t at = bytes.find(zip.Find("/data/2").data);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 5] = static_cast<char>(bytes[at + 5] ^ 4);
  ExpectError(LoadBytes(bytes), "checksum", "record scripted/data/2");
}

TEST(LoadError, EncryptedOrCompressedOtherwise) {
  TestZip zip = Scripted();
  zip.Find("/data/0").flags = 1;
  ExpectError(LoadBytes(zip.Bytes()), "encrypted", "record scripted/data/0");
  zip = Scripted();
  zip.Find("/data/0").method = 14;
  ExpectError(LoadBytes(zip.Bytes()), "method 14", "record scripted/data/0");
}

TEST(LoadError, Bombs) {
  TestZip zip = Minimal("N");
  zip.records[0].data += std::string(100 << 20, '\0');
  zip.records[0].deflate = true;
  ExpectError(LoadBytes(zip.Bytes()), "when unpacked", "record m/data.pkl");
}

TEST(LoadError, NamesTheAttribute) {
  TensorText tensor;
  tensor.sizes = "K\x05";
  const auto result = LoadAttribute("(NN]" + tensor.Text() + "at");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().ToString(), HasSubstr("in attribute x.2.0"));
}

TEST(LoadError, Versions) {
  for (const char* version : {"", "x", "3x", "-1", "0", "3.0", "99999999999999999999"}) {
    TestZip zip = Scripted();
    zip.Find("/version").data = version;
    ExpectError(LoadBytes(zip.Bytes()), "version", "record scripted/version");
  }
  TestZip zip = Scripted();
  zip.Find("/version").name = "scripted/.data/version";
  zip.Find("/.data/version").data = "10";
  const auto module = LoadBytes(zip.Bytes());
  ASSERT_TRUE(module) << module.error().ToString();
  EXPECT_EQ(module->archive_version, "10");
}

TEST(LoadError, ByteOrder) {
  TestZip zip = archive::ZipOf(Fixture("2.13/scripted.pt"));
  zip.Find("/byteorder").data = "middle";
  ExpectError(LoadBytes(zip.Bytes()), "byte order", "record scripted/byteorder");
  // PyTorch reads the numbers of TorchScript as its own machine's.
  zip.Find("/byteorder").data = "big";
  ExpectError(LoadBytes(zip.Bytes()), "big-endian", "record scripted/byteorder");
}

// ---- Globals and objects ----

TEST(LoadError, ForbiddenGlobals) {
  // As an attribute, as an attribute's attribute, in constants.pkl; called or not.
  ExpectAttributeError(Call("os", "system", TupleOf(Str("true"))), "os.system");
  ExpectAttributeError(Call("posix", "system", TupleOf(Str("true"))), "posix.system");
  ExpectAttributeError(Call("builtins", "eval", TupleOf(Str("1"))), "builtins.eval");
  ExpectAttributeError(Global("builtins", "getattr"), "builtins.getattr");
  ExpectAttributeError(Global("torch.jit._pickle", "os"), "torch.jit._pickle.os");
  ExpectAttributeError(Global("torch.hub", "load"), "torch.hub.load");
  ExpectAttributeError(Global("torch", "load"), "torch.load");
  ExpectAttributeError(Global("torch._utils", "import_module"), "torch._utils.import_module");
  ExpectAttributeError(Global("__torch__x", "M"), "__torch__x.M");
  TestZip zip = Minimal("N");
  zip.Find("/constants.pkl").data = "\x80\x02" + Call("os", "system", TupleOf(Str("true"))) + "\x85.";
  ExpectError(LoadBytes(zip.Bytes()), "os.system", "record constants.pkl, byte 2");
}

TEST(LoadError, SelfReferences) {
  // What contains itself is changed after it was used.
  ExpectAttributeError(
      "]q\x01h\x01"
      "a",
      "after it was used");
  ExpectAttributeError("}q\x01K\x01h\x01s", "after it was used");
  ExpectAttributeError(
      "]q\x01h\x01\x85"
      "a",
      "after it was used");
  // An object that is its own attribute, its own state.
  ExpectAttributeError(Global("__torch__", "M") + ")\x81q\x01}" + Str("self") + "h\x01sb",
                       "before it is built");
  // Through a call: restore_type_tag(list that contains the call's result).
  ExpectAttributeError(
      "]q\x01" + Global("torch.jit._pickle", "restore_type_tag") + "h\x01" + Str("List[Any]") + "\x86Ra",
      "after it was used");
}

TEST(LoadError, Nesting) {
  const auto nested = [](std::size_t depth) { return std::string(depth, ']') + std::string(depth - 1, 'a'); };
  EXPECT_TRUE(LoadAttribute(nested(500)));
  ExpectAttributeError(nested(513), "nested more than 512 levels deep");
  ExpectAttributeError(nested(1000000), "nested more than 512 levels deep");
  // Lists of lists that are shared: 2^40 leaves if anyone went through them all.
  std::string doubling = "]q\x01";
  for (int i = 1; i <= 40; ++i) {
    doubling += "](h"s + static_cast<char>(i) + "h" + static_cast<char>(i) + "eq" + static_cast<char>(i + 1);
  }
  std::string items = TupleOf(doubling);
  EXPECT_TRUE(LoadAttribute(items));
}

TEST(LoadError, TooManyValues) {
  const std::size_t count = (1 << 20) + 2;
  ExpectAttributeError("](" + std::string(count, 'N') + "e", "values");
  std::string lists = "](";
  for (int i = 0; i < 20; ++i) lists += "](" + std::string(100000, 'N') + "e";
  ExpectAttributeError(lists + "e", "values");
}

TEST(LoadError, ObjectsThatAreNone) {
  ExpectAttributeError(Global("torch", "Tensor") + ")\x81", "not a TorchScript class");
  ExpectAttributeError(Global("__torch__", "M"), "a class is used as a value");
  ExpectAttributeError(Global("__torch__", "M") + ")\x81}" + "K\x01Nsb",
                       "the name of an attribute is not a string");
  ExpectAttributeError(Global("__torch__", "M") + ")\x81}" + Str("a") + "Ns" + Str("a") + "Nsb",
                       "a occurs twice");
  ExpectAttributeError(Global("__torch__", "M") + ")\x81Na", "adds items to a value that is not a container");
  ExpectAttributeError(Global("__torch__.torch.classes.quantized", "LinearPackedParamsBase") + ")\x81",
                       "has no state");
  ExpectAttributeError(Global("__torch__.torch.classes.quantized", "LinearPackedParamsBase") +
                           ")\x81N\x85"
                           "b",
                       "needs weight and bias");
  ExpectAttributeError(Global("__torch__", "M") + ")\x81", "is not built");
  ExpectAttributeError("C\x02hi", "opcode 0x43");
  ExpectAttributeError("\x8f", "opcode 0x8f");
  ExpectAttributeError(
      "\x8a\x09"
      "123456789",
      "an integer of 9 bytes");
  ExpectAttributeError(Call("collections", "OrderedDict", "]\x85"), "OrderedDict");
  ExpectAttributeError(Call("torch", "device", ")"), "torch.device");
  ExpectAttributeError(Call("torch", "device", "K\x01\x85"), "name of a device");
  ExpectAttributeError(Call("torch.jit._pickle", "build_tensor_from_id", TupleOf("K\x01")),
                       "build_tensor_from_id");
  ExpectAttributeError(Call("torch.jit._pickle", "build_intlist", ")"), "build_intlist");
  ExpectAttributeError(Call("torch", "float32", ")"), "torch.float32");
  TestZip zip = Minimal("N");
  zip.records[0].data = "\x80\x02K\x01.";
  ExpectError(LoadBytes(zip.Bytes()), "does not contain a module", "data.pkl");
  zip = Minimal("N");
  zip.Find("/constants.pkl").data = "\x80\x02N.";
  const auto result = LoadBytes(zip.Bytes());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().where(), HasSubstr("constants.pkl"));
}

TEST(LoadError, EnumMembers) {
  const auto red = LoadAttribute(Global("__torch__", "Color") + "K\x01R");
  ASSERT_TRUE(red) << red.error().ToString();
  EXPECT_EQ(std::get<Symbol>(red->root->Find("x")->v).name, "__torch__.Color.RED");
  ExpectAttributeError(Global("__torch__", "Color") + "K\x02R", "no member of the enum __torch__.Color");
  ExpectAttributeError(Global("__torch__", "Colour") + "K\x01R", "the archive's code does not contain");
}

// ---- Tensors ----

void ExpectTensorError(const std::function<void(TensorText&)>& change, const std::string& what,
                       ErrorCode code = ErrorCode::kInvalidFile) {
  TensorText tensor;
  change(tensor);
  ExpectAttributeError(tensor.Text(), what, code);
}

TEST(LoadError, TensorsOutsideTheirStorage) {
  ExpectTensorError([](auto& t) { t.sizes = "K\x05"; }, "reads element 4 of a storage with 4 elements");
  ExpectTensorError([](auto& t) { t.strides = "K\x02"; }, "reads element 6");
  ExpectTensorError([](auto& t) { t.offset = 1; }, "reads element 4");
  ExpectTensorError([](auto& t) { t.offset = -1; }, "begins before");
  ExpectTensorError([](auto& t) { t.offset = std::numeric_limits<std::int64_t>::max(); }, "");
  ExpectTensorError([](auto& t) { t.sizes = Int(-1); }, "negative");
  ExpectTensorError([](auto& t) { t.strides = Int(-1); }, "negative");
  ExpectTensorError([](auto& t) { t.strides = "K\x01K\x01"; }, "different numbers of sizes and strides");
  ExpectTensorError([](auto& t) { t.sizes = t.strides = std::string(65 * 2, 'K'); }, "rank 65");
  const auto square = [](std::int64_t n, std::int64_t stride) {
    return [n, stride](TensorText& t) {
      t.sizes = Int(n) + Int(n);
      t.strides = Int(stride) + Int(stride);
    };
  };
  // Sizes whose product has more than 64 bits, also beside a 0; strides that overflow; a few bytes that are
  // repeated to more than any memory.
  ExpectTensorError(square(std::int64_t{1} << 62, 0), "is too large");
  ExpectTensorError(square(std::int64_t{1} << 32, 1), "is too large");
  ExpectTensorError(square(3, std::numeric_limits<std::int64_t>::max()), "");
  ExpectTensorError(square(1 << 20, 0), "expands a storage");
  ExpectTensorError(
      [](auto& t) {
        t.sizes = "K\0"s + Int(std::int64_t{1} << 62) + Int(4);
        t.strides = "K\1K\1K\1";
      },
      "is too large");
}

TEST(LoadError, FalseStorages) {
  const auto expect = [](std::int64_t elements, const std::string& what) {
    TensorText tensor;
    tensor.elements = elements;
    ExpectError(LoadAttribute(tensor.Text()), what, "record m/data/0");
  };
  expect(5, "5 elements of 4 bytes");
  expect(-1, "-1 elements");
  expect(std::numeric_limits<std::int64_t>::max(), "9223372036854775807 elements");
  expect(std::int64_t{1} << 62, "elements");  // times 4 it is 0 in 64 bits
  TensorText tensor;
  tensor.key = "9";
  ExpectError(LoadAttribute(tensor.Text()), "missing", "record m/data/9");
  tensor.key = "../../../etc/passwd";
  ExpectError(LoadAttribute(tensor.Text()), "missing", "record m/data/../../../etc/passwd");
  ExpectTensorError([](auto& t) { t.storage = "Float8_e4m3fnStorage"; },
                    "a tensor of dtype float8_e4m3fn, which is not supported", ErrorCode::kUnsupported);
  ExpectAttributeError(Call("torch._utils", "_rebuild_tensor_v2", TupleOf("NNNNN")), "storage");
  ExpectAttributeError(Call("torch._utils", "_rebuild_tensor_v2", ")"), "tensor");
  ExpectAttributeError(TupleOf(Str("storage")) + "Q", "does not belong to a tensor");
  ExpectAttributeError(
      Call("torch._utils", "_rebuild_tensor_v2", TupleOf(TupleOf(Str("module") + "NNNN") + "QK\x00))N"s)),
      "must be of kind");
}

TEST(LoadError, TensorsOfOtherKinds) {
  for (const char* function :
       {"_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor", "_rebuild_nested_tensor",
        "_rebuild_meta_tensor_no_storage", "_rebuild_wrapper_subclass"}) {
    ExpectAttributeError(Call("torch._utils", function, ")"), function, ErrorCode::kUnsupported);
  }
  const std::string parameter = Global("torch._utils", "_rebuild_parameter");
  EXPECT_TRUE(LoadAttribute(parameter + TupleOf(TensorText().Text() + "\x88N") + "R"));
  ExpectAttributeError(parameter + TupleOf("N\x88N") + "R", "must be a tensor");
  std::string nested;
  for (int i = 0; i < 1000; ++i) nested += parameter + "(";
  nested += TensorText().Text();
  for (int i = 0; i < 1000; ++i) nested += "tR";
  ExpectAttributeError(nested, "nested too deeply");
  EXPECT_TRUE(LoadAttribute(Call("torch._tensor", "_rebuild_from_type_v2",
                                 TupleOf(Global("torch._utils", "_rebuild_parameter") +
                                         Global("torch", "Tensor") + TupleOf(TensorText().Text()) + "}"))));
  ExpectAttributeError(Call("torch._tensor", "_rebuild_from_type_v2",
                            TupleOf(Global("torch", "Tensor") + Global("torch", "Tensor") + ")}")),
                       "an unknown function");
}

TEST(LoadError, ConjugatedViews) {
  TensorText tensor;
  tensor.storage = "ComplexFloatStorage";
  tensor.elements = 2;
  tensor.sizes = "K\x02";
  std::string text = tensor.Text();
  ASSERT_TRUE(text.ends_with("tR"));
  ASSERT_TRUE(LoadAttribute(text));
  text.insert(text.size() - 2, "}" + Str("conj") + "\x88s");
  ExpectAttributeError(text, "conjugated", ErrorCode::kUnsupported);
}

std::string PerTensor(double scale, std::int64_t zero_point) {
  return TupleOf(Global("torch", "per_tensor_affine") + Float(scale) + Int(zero_point));
}

std::string PerChannel(std::int64_t axis, std::int64_t scales = 4) {
  TensorText s{.key = "1", .sizes = "K" + std::string(1, static_cast<char>(scales))};
  TensorText z{.storage = "LongStorage", .key = "2"};
  return TupleOf(Global("torch", "per_channel_affine") + s.Text() + z.Text() + Int(axis));
}

TensorText Quantized(const std::string& quantization, const std::string& storage = "QInt8Storage") {
  TensorText tensor{.storage = storage, .quantization = quantization};
  return tensor;
}

TEST(LoadError, Scales) {
  ASSERT_TRUE(LoadAttribute(Quantized(PerTensor(0.5, 0)).Text()));
  ASSERT_TRUE(LoadAttribute(Quantized(PerChannel(0)).Text()));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  ExpectAttributeError(Quantized(PerTensor(0, 0)).Text(), "the scale 0,");
  ExpectAttributeError(Quantized(PerTensor(-0.5, 0)).Text(), "the scale -0.5,");
  ExpectAttributeError(Quantized(PerTensor(nan, 0)).Text(), "the scale nan,");
  ExpectAttributeError(Quantized(PerTensor(infinity, 0)).Text(), "the scale inf,");
  for (const float scale : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    TestZip zip = Minimal(Quantized(PerChannel(0)).Text());
    std::string bytes;
    TestZip::Put32(bytes, std::bit_cast<std::uint32_t>(scale));
    zip.Find("/data/1").data.replace(8, 4, bytes);
    ExpectError(LoadBytes(zip.Bytes()), "in channel 2, but a scale must be positive",
                "record data.pkl, byte");
  }
}

// The same in a file of PyTorch: the scale of the convolution's weight.
TEST(LoadError, ScalesInAFileOfPyTorch) {
  const std::string pickle = Scripted().Find("/data.pkl").data;
  const std::size_t scheme = pickle.find("per_tensor_affine\nq");
  ASSERT_NE(scheme, std::string::npos);
  const std::size_t at = pickle.find('G', scheme);
  for (const double scale : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    TestZip zip = Scripted();
    zip.Find("/data.pkl").data.replace(at, 9, Float(scale));
    ExpectError(LoadBytes(zip.Bytes()), "a scale must be positive", "record data.pkl, byte ");
  }
}

TEST(LoadError, ZeroPoints) {
  ExpectAttributeError(Quantized(PerTensor(0.5, 128)).Text(), "zero point 128");
  ExpectAttributeError(Quantized(PerTensor(0.5, -129)).Text(), "zero point -129");
  ExpectAttributeError(Quantized(PerTensor(0.5, -1), "QUInt8Storage").Text(), "zero point -1");
  ExpectAttributeError(Quantized(PerTensor(0.5, 256), "QUInt8Storage").Text(), "zero point 256");
  ExpectAttributeError(Quantized(PerTensor(0.5, std::int64_t{1} << 40), "QInt32Storage").Text(),
                       "zero point");
  TestZip zip = Minimal(Quantized(PerChannel(0)).Text());
  zip.Find("/data/2").data[8 * 3 + 1] = 1;  // 256
  ExpectError(LoadBytes(zip.Bytes()), "zero point 256", "record data.pkl, byte");
}

TEST(LoadError, Quantizations) {
  ExpectAttributeError(Quantized(PerChannel(1)).Text(), "along dimension 1");
  ExpectAttributeError(Quantized(PerChannel(-1)).Text(), "along dimension -1");
  ExpectAttributeError(Quantized(PerChannel(0, 3)).Text(), "4 channels has 3 scales");
  ExpectAttributeError(Quantized(TupleOf(Global("torch", "strided") + Float(1) + Int(0))).Text(),
                       "torch.strided", ErrorCode::kUnsupported);
  ExpectAttributeError(Quantized(TupleOf(Global("torch", "per_tensor_affine"))).Text(), "quantization");
  ExpectAttributeError(Quantized(TupleOf(Global("torch", "per_channel_affine") + "NNK\0"s)).Text(),
                       "must be a tensor");
  // A float tensor with a quantization, a quantized one without.
  ExpectAttributeError(Quantized(PerTensor(1, 0), "FloatStorage").Text(), "float32 has a quantization");
  ExpectTensorError([](auto& t) { t.storage = "QInt8Storage"; }, "qint8 lacks a quantization");
}

TEST(LoadError, HalfBytes) {
  TensorText tensor = Quantized(PerTensor(0.5, 3), "QUInt4x2Storage");
  tensor.elements = 16;
  tensor.sizes = "K\x1f";  // 31 in 16 bytes
  EXPECT_TRUE(LoadAttribute(tensor.Text()));
  tensor.sizes = "K\x21";
  ExpectAttributeError(tensor.Text(), "storage with 16");
  tensor.sizes = Int(std::int64_t{1} << 40);
  ExpectAttributeError(tensor.Text(), "");
  tensor.sizes = "K\x04";
  tensor.strides = "K\x02";
  ExpectAttributeError(tensor.Text(), "not contiguous", ErrorCode::kUnsupported);
  tensor.strides = "K\x01";
  tensor.offset = -1;
  ExpectAttributeError(tensor.Text(), "outside its storage");
}

// ---- Files of another kind ----

void ExpectForeign(const std::string& name, const std::string& what,
                   const std::string& hint = "torch.jit.save(") {
  SCOPED_TRACE(name);
  const auto result = Load(Fixture(name));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(result.error().what(), HasSubstr(what));
  EXPECT_THAT(result.error().hint(), HasSubstr(hint));
}

TEST(LoadError, FilesOfPyTorchThatAreNoTorchScript) {
  for (const std::string version : {"1.13/", "2.13/"}) {
    ExpectForeign(version + "state_dict.pt", "a state_dict");
    ExpectForeign(version + "state_dict_legacy.pt", "a state_dict");
    ExpectForeign(version + "pickled_module.pt",
                  "torch.nn.modules.container.Sequential pickled by torch.save");
    ExpectForeign(version + "pickled_module_legacy.pt",
                  "torch.nn.modules.container.Sequential pickled by torch.save");
    ExpectForeign(version + "checkpoint.pt", "with a pickled torch.nn.modules.container.Sequential in it");
    ExpectForeign(version + "tensor.pt", "a tensor of torch.save");
    ExpectForeign(version + "bytecode_only.ptl", "lite interpreter");
  }
  ExpectForeign("2.13/program.pt2", "torch.export", "torch.jit.trace(");
  ExpectForeign("1.13/model.onnx", "an ONNX model, not TorchScript", "octavo convert");
}

TEST(LoadError, FilesOfOtherPrograms) {
  const auto expect = [](const std::string& bytes, const std::string& what) {
    ExpectError(LoadBytes(bytes), what, "");
  };
  expect("", "empty");
  expect("hello world, this is a text file", "this is a text, not a TorchScript model");
  expect(std::string(1000, '\0'), "not a zip archive");
  expect("\x1f\x8b\x08\x00"s + std::string(100, 'x'), "gzip");
  expect("\x89HDF\r\n\x1a\n"s + std::string(100, 'x'), "HDF5");
  expect("\x93NUMPY\x01\x00"s + std::string(100, 'x'), "NumPy");
  expect("\x10\0\0\0PTMF"s + std::string(100, 'x'), "flatbuffer");
  expect("\x10\0\0\0ORTM"s + std::string(100, 'x'), "ONNX Runtime");
  expect("\x10\0\0\0TFL3"s + std::string(100, 'x'), "TensorFlow Lite");
  expect("\x10\0\0\0\0\0\0\0{\"weight\":{}}   "s, "safetensors");
  expect(std::string(257, 'a') + "ustar" + std::string(300, 'a'), "tar");
  expect("\x80\x02garbage", "pickle");
  TestZip zip;
  zip.records = {{.name = "arr_0.npy", .data = "x"}};
  expect(zip.Bytes(), "NumPy archive");
  zip.records = {{.name = "word/document.xml", .data = "x"}};
  expect(zip.Bytes(), "without a TorchScript model");
}

TEST(LoadError, ForeignPicklesAreReadWithTheSameCare) {
  const std::string bytes = archive::ReadFile(Fixture("1.13/pickled_module_legacy.pt"));
  for (std::size_t size = 0; size < bytes.size(); size += 7) EXPECT_FALSE(LoadBytes(bytes.substr(0, size)));
  // A dictionary that is its own value.
  TestZip zip;
  zip.records = {{.name = "a/data.pkl", .data = "\x80\x02}q\x01" + Str("a") + "h\x01s."}};
  ExpectError(LoadBytes(zip.Bytes()), "state_dict", "");
}

// ---- Everything at once ----

TEST(LoadError, SurvivesChangesOfEveryByteOfThePickle) {
  const TestZip original = archive::ZipOf(Fixture("1.13/packed.pt"));
  const std::string pickle = TestZip(original).Find("/data.pkl").data;
  int loaded = 0, refused = 0;
  for (std::size_t i = 0; i < pickle.size(); i += 3) {
    for (const int flip : {0x01, 0x80}) {
      TestZip zip = original;
      std::string& data = zip.Find("/data.pkl").data;
      data[i] = static_cast<char>(data[i] ^ flip);
      const auto result = LoadBytes(zip.Bytes());
      ++(result ? loaded : refused);
      if (result) continue;
      EXPECT_THAT(result.error().code(), AnyOf(ErrorCode::kInvalidFile, ErrorCode::kUnsupported));
      EXPECT_THAT(result.error().where(), Not(testing::IsEmpty())) << result.error().ToString();
    }
  }
  EXPECT_GT(refused, loaded);
}

}  // namespace
}  // namespace octavo::module
