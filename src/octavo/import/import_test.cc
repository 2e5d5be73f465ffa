#include "octavo/import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/import/program_testing.h"

namespace octavo::import {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Imported> ImportOf(const module::Module& module, std::vector<InputSpec> inputs = {}) {
  return Import(module, TestRules(), {.inputs = std::move(inputs)});
}

std::string Forward(const std::string& arguments, const std::string& body) {
  std::string text = "  def forward(self: __torch__.M" + arguments + ") -> Tensor:\n    ";
  for (const char c : body) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return text + "\n";
}

const std::string kX = ",\n    x: Tensor";

Tensor Iota(std::vector<std::int64_t> sizes) {
  std::int64_t n = 1;
  for (const std::int64_t s : sizes) n *= s;
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(i));
  return Tensor::Floats(std::move(sizes), values);
}

// ---- Calls

TEST(Import, InlinesSubmodulesAndNamesTheirPaths) {
  const std::string inner =
      "class Inner(Module):\n"
      "  def forward(self: __torch__.Inner,\n    x: Tensor) -> Tensor:\n"
      "    return torch.relu(x)\n"
      "class Sequential(Module):\n"
      "  def forward(self: __torch__.Sequential,\n    x: Tensor) -> Tensor:\n"
      "    _0 = getattr(self, \"0\")\n"
      "    _1 = getattr(self, \"1\")\n"
      "    return (_1).forward((_0).forward(x, ), )\n";
  Attributes parts = {{"0", MakeObject("__torch__.Inner", {})}, {"1", MakeObject("__torch__.Inner", {})}};
  const auto imported =
      ImportOf(MakeModule(Forward(kX, "layer1 = self.layer1\nreturn (layer1).forward(x, )"),
                          {{"layer1", MakeObject("__torch__.Sequential", std::move(parts))}}, inner));
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::relu aten::relu");
  const ir::Origin& origin = *imported->graph.nodes()[1].origin;
  EXPECT_EQ(origin.module_path, "layer1.1");
  EXPECT_EQ(origin.op, "aten::relu");
  EXPECT_EQ(origin.place, "code/__torch__.py:4:12");
  EXPECT_EQ(origin.excerpt, "return torch.relu(x)\n       ^^^^^^^^^^^^^");
  EXPECT_THAT(origin.calls, ElementsAre("layer1.1.forward", "layer1.forward", "forward"));
}

TEST(Import, CallsFunctionsWithDefaultsAndKeywords) {
  const std::string functions =
      "def scaled(x: Tensor,\n    by: int=2,\n    twice: bool=False) -> Tensor:\n"
      "  if twice:\n    return torch.mul(x, torch.mul(by, 2))\n  else:\n    pass\n"
      "  return torch.mul(x, by)\n";
  const auto imported = ImportOf(MakeModule(
      Forward(kX, "_0 = __torch__.scaled\na = _0(x, )\nreturn _0(a, 3, twice=True)"), {}, functions));
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::mul aten::mul");
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[0].arguments[1].value), Dim(2));
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[1].arguments[1].value), Dim(6));
}

TEST(Import, RunsClassesOfTheProgram) {
  const std::string classes =
      "class Counter:\n  n : int\n"
      "  def __init__(self: __torch__.Counter,\n    start: int) -> NoneType:\n    self.n = start\n    return "
      "None\n"
      "  def next(self: __torch__.Counter) -> int:\n    self.n = torch.add(self.n, 1)\n    return self.n\n";
  const auto imported =
      ImportOf(MakeModule(Forward(kX,
                                  "c = __torch__.Counter.__new__(__torch__.Counter)\n_0 = (c).__init__(5, )\n"
                                  "_1 = (c).next()\nreturn torch.mul(x, (c).next())"),
                          {}, classes));
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[0].arguments[1].value), Dim(7));
}

TEST(Import, RunsContextManagersForksAndHooks) {
  const std::string classes =
      "class Guard:\n  n : int\n"
      "  def __enter__(self: __torch__.Guard) -> NoneType:\n    self.n = 7\n    return None\n"
      "  def __exit__(self: __torch__.Guard,\n    a: Any,\n    b: Any,\n    c: Any) -> NoneType:\n"
      "    self.n = 1\n    return None\n";
  const auto imported = ImportOf(
      MakeModule(Forward(kX,
                         "g = __torch__.Guard.__new__(__torch__.Guard)\nwith g:\n  y = torch.mul(x, g.n)\n"
                         "def __forked_function0():\n  return torch.relu(y)\n"
                         "f = fork(__forked_function0)\nreturn torch.mul(torch.wait(f), g.n)"),
                 {}, classes));
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::mul aten::relu aten::mul");
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[0].arguments[1].value), Dim(7));
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[2].arguments[1].value), Dim(1));

  const std::string hooks =
      "  __forward_pre_hooks__ = [\"pre\", ]\n  __forward_hooks__ = [\"post\", ]\n"
      "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return torch.sigmoid(x)\n"
      "  def pre(self: __torch__.M,\n    input: Tuple[Tensor]) -> Tuple[Tensor]:\n"
      "    return (torch.relu((input)[0]),)\n"
      "  def post(self: __torch__.M,\n    input: Tuple[Tensor],\n    output: Tensor) -> Tensor:\n"
      "    return torch.add(output, (input)[0])\n";
  const auto hooked = ImportOf(MakeModule(hooks));
  ASSERT_TRUE(hooked) << hooked.error().ToString();
  EXPECT_EQ(Operators(hooked->graph), "aten::relu aten::sigmoid aten::add");
}

TEST(Import, ReadsEnumsAndNamedTuples) {
  const std::string classes =
      "class Color(Enum):\n  RED = 1\n  BLUE = 2\n"
      "class Pair(NamedTuple):\n  left : Tensor\n  right : Tensor\n";
  const auto imported = ImportOf(
      MakeModule("  def forward(self: __torch__.M,\n    x: Tensor) -> __torch__.Pair:\n"
                 "    c = __torch__.Color.BLUE\n"
                 "    if torch.eq(c, __torch__.Color.BLUE):\n      n = (c).value\n    else:\n      n = 0\n"
                 "    return __torch__.Pair(torch.relu(x), torch.mul(x, n))\n",
                 {}, classes));
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(imported->graph.outputs().size(), 2u);
  EXPECT_EQ(imported->graph.outputs()[0].name, "left");
  EXPECT_EQ(imported->graph.outputs()[1].name, "right");
  EXPECT_EQ(std::get<Dim>(imported->graph.nodes()[1].arguments[1].value), Dim(2));
}

// ---- Shapes and branches

TEST(Import, ResolvesBranchesAndLoopsByShape) {
  const std::string body =
      "if torch.ne(torch.len(torch.size(x)), 4):\n"
      "  ops.prim.RaiseException(\"Input shape must be (N, C, H, W)\", \"builtins.ValueError\")\n"
      "else:\n  pass\n"
      "y = x\nfor i in range(torch.size(x, 1)):\n  y0 = torch.relu(y)\n  y = y0\nreturn y";
  const auto imported = ImportOf(MakeModule(Forward(kX, body)), {Input({Dim::Symbol("N"), 3, 2, 2})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::relu aten::relu aten::relu");

  const auto wrong = ImportOf(MakeModule(Forward(kX, body)), {Input({1, 3})});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().what(), "the model raises ValueError: Input shape must be (N, C, H, W)");
  EXPECT_EQ(wrong.error().where(), "code/__torch__.py:8:7");
  EXPECT_THAT(wrong.error().context(), ElementsAre("forward"));
}

TEST(Import, KeepsSymbolicSizesAsPolynomials) {
  const auto imported =
      ImportOf(MakeModule(Forward(kX,
                                  "n = ops.prim.NumToTensor(torch.size(x, 0))\n"
                                  "m = torch.floor_divide(torch.mul(n, CONSTANTS.c0), CONSTANTS.c0)\n"
                                  "return torch.view(x, [int(m), -1])")),
               {Input({Dim::Symbol("N"), 3})});
  // There is no CONSTANTS.c0.
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().what(), HasSubstr("c0"));

  module::Module module =
      MakeModule(Forward(kX,
                         "n = ops.prim.NumToTensor(torch.size(x, 0))\n"
                         "m = torch.floor_divide(torch.mul(n, CONSTANTS.c0), CONSTANTS.c0)\n"
                         "return torch.view(x, [int(m), -1])"));
  module.constants.push_back({Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{2})});
  const auto folded = ImportOf(module, {Input({Dim::Symbol("N"), 3})});
  ASSERT_TRUE(folded) << folded.error().ToString();
  ASSERT_EQ(Operators(folded->graph), "aten::view");
  const auto& sizes = std::get<std::vector<Dim>>(folded->graph.nodes()[0].arguments[1].value);
  EXPECT_EQ(sizes[0], Dim::Symbol("N"));
}

TEST(Import, HandsOnWhatWasNeverSetUntilItIsUsed) {
  const std::string body =
      "_2 = uninitialized(Tensor)\nif torch.gt(2, 1):\n  a, b = False, _2\nelse:\n  a, b = True, x\n";
  EXPECT_TRUE(ImportOf(
      MakeModule(Forward(kX, body + "if a:\n  y = torch.relu(b)\nelse:\n  y = torch.sigmoid(x)\nreturn y"))));
  const auto used = ImportOf(MakeModule(Forward(kX, body + "return torch.relu(b)")));
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().what(), "a value that was never assigned cannot be passed to aten::relu");
}

TEST(Import, RefusesBranchesThatDependOnSizesOrData) {
  const std::string by_size =
      "if torch.eq(torch.size(x, 0), 1):\n  y = torch.relu(x)\nelse:\n  y = x\nreturn y";
  const auto symbolic = ImportOf(MakeModule(Forward(kX, by_size)), {Input({Dim::Symbol("N"), 3})});
  ASSERT_FALSE(symbolic);
  EXPECT_EQ(symbolic.error().what(), "this branch depends on the open size N (N == 1)");
  EXPECT_EQ(symbolic.error().where(), "code/__torch__.py:7:8");
  EXPECT_EQ(symbolic.error().excerpt(),
            "if torch.eq(torch.size(x, 0), 1):\n   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^");
  EXPECT_THAT(symbolic.error().hint(), HasSubstr("--input"));
  EXPECT_TRUE(ImportOf(MakeModule(Forward(kX, by_size)), {Input({1, 3})}));

  // The same comparison does no harm where nothing depends on it.
  EXPECT_TRUE(ImportOf(MakeModule(Forward(kX,
                                          "a = torch.eq(torch.size(x, 0), 1)\n"
                                          "if torch.__and__(a, False):\n  y = x\nelse:\n  y = torch.relu(x)\n"
                                          "return y")),
                       {Input({Dim::Symbol("N"), 3})}));

  const auto data = ImportOf(
      MakeModule(Forward(kX, "if bool(torch.any(x)):\n  y = torch.relu(x)\nelse:\n  y = x\nreturn y")),
      {Input({2})});
  ASSERT_FALSE(data);
  EXPECT_THAT(data.error().what(), HasSubstr("needs the data of a tensor"));
  EXPECT_EQ(data.error().where(), "code/__torch__.py:7:8");

  const auto unknown = ImportOf(MakeModule(Forward(kX, "return torch.view(x, [torch.size(x, 0), -1])")));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().what(), "the shape of a tensor must be known here");
  EXPECT_THAT(unknown.error().hint(), HasSubstr("--input"));
}

// Views and the results of operators that work channels-last may be laid out otherwise.
TEST(Import, DoesNotSayHowResultsLieInMemory) {
  const auto asked = [](const std::string& of, const std::string& question = "torch.is_contiguous(y)") {
    const std::string body =
        "y = " + of + "\nif " + question + ":\n  z = torch.relu(x)\nelse:\n  z = torch.neg(x)\nreturn z";
    return ImportOf(MakeModule(Forward(kX, body)), {Input({2, 3})});
  };
  const auto input = asked("x");
  ASSERT_TRUE(input) << input.error().ToString();
  EXPECT_EQ(Operators(input->graph), "aten::relu");
  const auto of_a_result = asked("torch.relu(x)");
  ASSERT_FALSE(of_a_result);
  EXPECT_THAT(of_a_result.error().what(), HasSubstr("lays a tensor out in memory"));
  const auto is_refused = [](const auto& imported) { return !imported || !imported->missing.empty(); };
  for (const char* question :
       {"torch.eq(torch.storage_offset(y), 0)", "torch.eq(torch.output_nr(y), 0)", "y.is_leaf"})
    EXPECT_TRUE(is_refused(asked("x", question))) << question;
}

TEST(Import, DecidesNothingByTextsOfOpenSizes) {
  const auto with = [](const std::string& body) {
    return ImportOf(MakeModule(Forward(kX, body)), {Input({Dim::Symbol("N"), 3})});
  };
  const std::string text = "t = torch.format(\"size {}\", torch.size(x, 0))\n";
  const auto message =
      with(text + "if torch.ne(torch.size(x, 1), 3):\n  ops.prim.RaiseException(t)\nelse:\n  pass\nreturn x");
  EXPECT_TRUE(message) << message.error().ToString();
  const auto raised =
      with(text +
           "u = torch.add(\"wrong: \", t)\nif torch.eq(torch.size(x, 1), 3):\n  ops.prim.RaiseException(u)\n"
           "else:\n  pass\nreturn x");
  ASSERT_FALSE(raised);
  EXPECT_THAT(raised.error().what(), HasSubstr("wrong: size N"));
  for (const char* use : {"torch.len(t)", "torch.len(torch.add(\"a\", t))", "torch.find(t, \"N\")"}) {
    const auto decided = with(text + "return torch.mul(x, " + use + ")");
    ASSERT_FALSE(decided) << use;
    EXPECT_THAT(decided.error().what(), HasSubstr("depends on a text of an open size")) << use;
  }
}

// splitlines() keeps or drops other characters than Python's; round() of a tensor takes a number of digits.
TEST(Import, RefusesWhatIsOnlyLikePython) {
  for (const char* call :
       {"torch.len(torch.splitlines(\"a b\"))", "torch.round(torch.tensor(2.675), decimals=2)"}) {
    const auto imported =
        ImportOf(MakeModule(Forward(kX, std::string("return torch.mul(x, ") + call + ")")), {Input({2})});
    EXPECT_TRUE(!imported || !imported->missing.empty()) << call;
  }
}

// As dict.popitem() of PyTorch 1.13 and 2.13: the first item.
TEST(Import, PopsTheFirstItem) {
  const auto imported = ImportOf(
      MakeModule(Forward(
          kX, "d = {3: 1, 1: 2}\np = torch.popitem(d)\nreturn torch.reshape(x, [p[0], torch.len(d)])")),
      {Input({3})});
  ASSERT_TRUE(imported) << imported.error().ToString();
}

// PyTorch compares such keys by identity: {x: 1, x: 2} has one item, and x is in it.
TEST(Import, RefusesTensorsAsKeysOfDicts) {
  for (const char* body :
       {"d = {x: 1, x: 2}\nreturn torch.mul(x, torch.len(d))",
        "d = annotate(Dict[Tensor, int], {})\nreturn torch.mul(x, int(torch.__contains__(d, x)))",
        "d = annotate(Dict[Tensor, int], {})\n_0 = torch._set_item(d, x, 1)\nreturn x",
        "d = annotate(Dict[Tensor, int], {})\nreturn torch.mul(x, torch.setdefault(d, x, 3))",
        "d = torch.dict([(x, 1), (x, 2)])\nreturn torch.mul(x, torch.len(d))"}) {
    const auto imported = ImportOf(MakeModule(Forward(kX, body)), {Input({2})});
    ASSERT_FALSE(imported) << body;
    EXPECT_THAT(imported.error().what(), HasSubstr("a dictionary whose keys are tensors is not supported"))
        << body;
  }
}

// As full_0_4 and full_out_0_4 of PyTorch's upgraders: float32, unless a dtype or `out` says another.
TEST(Import, FillsWithFloatsBeforeVersion5) {
  for (const auto& [call, version, dtype] : std::vector<std::tuple<std::string, std::string, int>>{
           {"torch.full([2], 3)", "4", 6},
           {"torch.full([2], 3)", "5", -1},
           {"torch.full([2], True)", "4", 6},
           {"torch.full([2], 3, dtype=None)", "4", 6},
           {"torch.full([2], 3, dtype=4)", "4", 4},
           {"torch.full([2], 3, out=torch.to(x, 4))", "4", 4}}) {
    module::Module module = MakeModule(Forward(kX, "return " + call));
    module.archive_version = version;
    const auto imported = ImportOf(module, {Input({2})});
    ASSERT_TRUE(imported) << imported.error().ToString();
    int found = -1;
    for (const ir::Node& node : imported->graph.nodes()) {
      const ir::Operand* given = node.op == "aten::full" ? node.Find("dtype") : nullptr;
      if (given) found = static_cast<int>(std::get<Dim>(*given).value());
    }
    EXPECT_EQ(found, dtype) << call << " of version " << version;
  }
}

TEST(Import, RefusesShiftsThatMeanNothing) {
  for (const char* shift :
       {"torch.__lshift__(1, 64)", "torch.__rshift__(1, 64)", "torch.__lshift__(1, -1)"}) {
    const auto imported =
        ImportOf(MakeModule(Forward(kX, std::string("return torch.mul(x, ") + shift + ")")), {Input({2})});
    ASSERT_FALSE(imported) << shift;
    EXPECT_THAT(imported.error().what(), HasSubstr("has no meaning")) << shift;
  }
}

TEST(Import, ReportsTheModelsOwnErrors) {
  for (const auto& [body, what] : std::vector<std::pair<std::string, std::string>>{
           {"raise ValueError(\"bad\")\nreturn x", "the model raises ValueError: bad"},
           {"ops.prim.RaiseException(\"AssertionError: \")\nreturn x", "the model raises AssertionError: "},
           {"assert torch.gt(1, 2), \"order\"\nreturn x", "an assertion of the model fails: order"},
           {"y = torch._unwrap_optional(None)\nreturn x", "the model unwraps an Optional that is None"},
           {"a, b, = [1]\nreturn x", "1 values cannot be unpacked into 2 names"},
           {"return y", "the name y is not defined"},
           {"return self.nothing", "an object of class __torch__.M has no attribute nothing"},
           {"return (self).nothing(x, )", "an object of class __torch__.M has no method nothing"},
           {"return __torch__.nothing(x, )", "the model's code has no __torch__.nothing"}}) {
    const auto imported = ImportOf(MakeModule(Forward(kX, body)));
    ASSERT_FALSE(imported) << body;
    EXPECT_EQ(imported.error().what(), what);
    EXPECT_THAT(imported.error().where(), HasSubstr("code/__torch__.py:7:")) << body;
  }
}

// ---- Missing operators

TEST(Import, ReportsAllMissingOperators) {
  const auto imported = ImportOf(MakeModule(Forward(kX,
                                                    "a = torch.frobnicate(x, 1)\n"
                                                    "if torch.ne(torch.len(torch.size(a)), 4):\n"
                                                    "  ops.prim.RaiseException(\"rank\")\nelse:\n  pass\n"
                                                    "b = torch.relu(a)\nc = torch.frobnicate(b, 2)\n"
                                                    "d = ops.mylib.twice(c)\nd0, d1, = torch.unheard_of(d)\n"
                                                    "return torch.add(d0, d1)")),
                                 {Input({1, 2})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(imported->missing.size(), 2u);
  EXPECT_EQ(imported->missing[0].op, "aten::frobnicate");
  ASSERT_EQ(imported->missing[0].uses.size(), 2u);
  EXPECT_EQ(imported->missing[0].uses[1]->place, "code/__torch__.py:13:9");
  EXPECT_EQ(imported->missing[1].op, "aten::unheard_of");
}

// ---- Inputs

TEST(Import, TakesInputsByPositionNameAndTrace) {
  const std::string text = Forward(",\n    x: Tensor,\n    y: Tensor", "return torch.add(x, y)");
  auto imported = ImportOf(MakeModule(text), {Input({5}, "y"), Input({3})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(imported->graph.inputs().size(), 2u);
  EXPECT_EQ(imported->graph.value(imported->graph.inputs()[0]).name, "x");
  EXPECT_EQ(imported->graph.type(imported->graph.inputs()[0]).ToString(), "float32[3]");
  EXPECT_EQ(imported->graph.type(imported->graph.inputs()[1]).ToString(), "float32[5]");

  module::Module traced = MakeModule(text);
  traced.traced_inputs = {{.item = "", .type = {.dtype = DType::kFloat32, .shape = Shape{2, 3}}},
                          {.argument = 1, .item = "", .type = {.dtype = DType::kInt64, .shape = Shape{3}}}};
  imported = ImportOf(traced);
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->graph.type(imported->graph.inputs()[0]).ToString(), "float32[2,3]");
  EXPECT_EQ(imported->graph.type(imported->graph.inputs()[1]).ToString(), "int64[3]");

  imported = ImportOf(MakeModule(text));
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->graph.type(imported->graph.inputs()[0]).ToString(), "float32");
}

TEST(Import, RefusesInputsThatForwardDoesNotTake) {
  const module::Module module = MakeModule(Forward(kX, "return torch.relu(x)"));
  for (const auto& inputs : std::vector<std::vector<InputSpec>>{
           {Input({1}), Input({1})}, {Input({1}, "z")}, {Input({1}, "x"), Input({1}, "x")}}) {
    const auto imported = ImportOf(module, inputs);
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(imported.error().hint(), "forward takes x: Tensor.");
  }
}

TEST(Import, TakesOptionalTupleListAndDictInputs) {
  const std::string optional = Forward(",\n    x: Tensor,\n    m: Optional[Tensor]=None",
                                       "if torch.__is__(m, None):\n  y = x\nelse:\n"
                                       "  m0 = unchecked_cast(Tensor, m)\n  y = torch.add(x, m0)\n"
                                       "return torch.relu(y)");
  auto imported = ImportOf(MakeModule(optional), {Input({1})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::relu");
  imported = ImportOf(MakeModule(optional), {Input({1}), Input({1})});
  ASSERT_TRUE(imported);
  EXPECT_EQ(Operators(imported->graph), "aten::add aten::relu");

  imported =
      ImportOf(MakeModule(Forward(",\n    s: Tuple[Tensor, Tensor]", "a, b, = s\nreturn torch.add(a, b)")));
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->graph.value(imported->graph.inputs()[1]).name, "s.1");

  const std::string list = Forward(",\n    s: List[Tensor]", "return torch.cat(s, 1)");
  imported = ImportOf(MakeModule(list), {Input({1}), Input({1}), Input({1})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->graph.inputs().size(), 3u);
  imported = ImportOf(MakeModule(list), {Input({1}, "s.0"), Input({1}, "s.1")});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->graph.inputs().size(), 2u);
  imported = ImportOf(MakeModule(list));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code(), ErrorCode::kUsage);

  const std::string dict = Forward(",\n    d: Dict[str, Tensor]", "return torch.add(d[\"a\"], d[\"b\"])");
  imported = ImportOf(MakeModule(dict), {Input({1}, "d.a"), Input({1}, "d.b")});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_FALSE(ImportOf(MakeModule(dict)));
}

// ---- Outputs

TEST(Import, NamesOutputs) {
  const auto names = [](const std::string& returned) {
    std::vector<std::string> out;
    const auto imported = ImportOf(MakeModule(Forward(kX, returned)));
    EXPECT_TRUE(imported) << imported.error().ToString();
    if (imported) {
      for (const ir::Output& output : imported->graph.outputs()) out.push_back(output.name);
    }
    return out;
  };
  EXPECT_THAT(names("return torch.relu(x)"), ElementsAre("output"));
  EXPECT_THAT(names("logits3 = torch.relu(x)\nreturn logits3"), ElementsAre("logits"));
  EXPECT_THAT(names("_3 = torch.relu(x)\nreturn _3"), ElementsAre("output"));
  EXPECT_THAT(names("return x"), ElementsAre("output"));
  EXPECT_THAT(names("y = torch.relu(x)\nreturn (y, x, y)"), ElementsAre("y", "output_1", "output_2"));
  EXPECT_THAT(names("return {\"a\": x, \"b\": torch.relu(x)}"), ElementsAre("a", "b"));
  EXPECT_THAT(names("return ([x, x], torch.relu(x))"), ElementsAre("output_0_0", "output_0_1", "output_1"));
}

TEST(Import, ReturnsConstantsAndLeavesOutWhatIsNoTensor) {
  auto imported = ImportOf(
      MakeModule(Forward(kX, "w = self.w\nreturn (w, None, 3, torch.relu(x))"), {{"w", {Iota({2})}}}));
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(imported->graph.outputs().size(), 2u);
  EXPECT_EQ(imported->graph.outputs()[0].name, "w");
  EXPECT_TRUE(imported->graph.value(imported->graph.outputs()[0].value).constant);
  EXPECT_EQ(imported->warnings.size(), 2u);
  imported = ImportOf(MakeModule(Forward(kX, "return 3")));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().what(), "forward returns no tensor");
  EXPECT_FALSE(ImportOf(MakeModule(Forward(kX, "return self"))));
}

// ---- Operators' arguments

TEST(Import, NamesConstantsByTheirAttributesAndSharesThem) {
  const Tensor w = Iota({2});
  const auto imported =
      ImportOf(MakeModule(Forward(kX,
                                  "fc = self.fc\na = torch.add(x, fc.weight)\ntied = self.tied\n"
                                  "return torch.add(a, tied)"),
                          {{"fc", MakeObject("__torch__.M", {{"weight", {w}}})}, {"tied", {w}}}));
  ASSERT_TRUE(imported) << imported.error().ToString();
  const auto id = std::get<ir::ValueId>(imported->graph.nodes()[0].arguments[1].value);
  EXPECT_EQ(imported->graph.value(id).name, "fc.weight");
  EXPECT_EQ(id, std::get<ir::ValueId>(imported->graph.nodes()[1].arguments[1].value));
}

TEST(Import, PassesEveryKindOfArgument) {
  const auto imported = ImportOf(
      MakeModule(Forward(kX,
                         "return torch.relu(x, None, True, 3, 2.5, \"s\", [1, 2], [0.5, 1], [True, False], "
                         "[\"a\"], [x, None], annotate(List[Tensor], []), torch.device(\"cpu\"), k=4)")));
  ASSERT_TRUE(imported) << imported.error().ToString();
  const auto& arguments = imported->graph.nodes()[0].arguments;
  EXPECT_TRUE(std::holds_alternative<ir::None>(arguments[1].value));
  EXPECT_EQ(std::get<bool>(arguments[2].value), true);
  EXPECT_EQ(std::get<Dim>(arguments[3].value), Dim(3));
  EXPECT_EQ(std::get<double>(arguments[4].value), 2.5);
  EXPECT_EQ(std::get<std::string>(arguments[5].value), "s");
  EXPECT_EQ(std::get<std::vector<Dim>>(arguments[6].value), (std::vector<Dim>{1, 2}));
  EXPECT_EQ(std::get<std::vector<double>>(arguments[7].value), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(std::get<std::vector<bool>>(arguments[8].value), (std::vector<bool>{true, false}));
  EXPECT_EQ(std::get<std::vector<std::string>>(arguments[9].value), (std::vector<std::string>{"a"}));
  EXPECT_EQ(std::get<ir::ValueList>(arguments[10].value).size(), 2u);
  EXPECT_TRUE(std::get<ir::ValueList>(arguments[11].value).empty());
  EXPECT_EQ(std::get<std::string>(arguments[12].value), "cpu");
  EXPECT_EQ(arguments[13].name, "k");

  for (const char* bad : {"[1, \"a\"]", "{\"a\": 1}", "self", "[[1]]"}) {
    EXPECT_FALSE(ImportOf(MakeModule(Forward(kX, std::string("return torch.relu(x, ") + bad + ")")))) << bad;
  }
}

TEST(Import, SpreadsListsAndTuplesOfResults) {
  const auto imported = ImportOf(MakeModule(
      Forward(kX, "a, b, = torch.chunk(x, 2, 1)\nv, i, = torch.max(a, 1)\nreturn torch.add(b, v)")));
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::chunk aten::max aten::add");
}

}  // namespace
}  // namespace octavo::import
