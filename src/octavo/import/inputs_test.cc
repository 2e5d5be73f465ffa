// Arguments of forward that are fixed at values, left out, or known from the traced inputs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/import/program_testing.h"

namespace octavo::import {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ForwardOf(const std::string& arguments, const std::string& returned) {
  return "  def forward(self: __torch__.M,\n    x: Tensor" + arguments + ") -> Tensor:\n    return " +
         returned + "\n";
}

InputSpec Fixed(std::string name, InputLiteral value) {
  return {.name = std::move(name), .type = {}, .value = value};
}

Result<Imported> ImportWith(const module::Module& module, std::vector<InputSpec> inputs) {
  return Import(module, TestRules(), {.inputs = std::move(inputs), .limits = {}});
}

module::InputHint Hint(std::size_t argument, std::string item, Shape shape, DType dtype = DType::kFloat32) {
  return {.argument = argument, .item = std::move(item), .type = {.dtype = dtype, .shape = std::move(shape)}};
}

std::vector<std::string> InputsOf(const Imported& imported) {
  std::vector<std::string> texts;
  for (const ir::ValueId id : imported.graph.inputs())
    texts.push_back(imported.graph.value(id).name + ":" + imported.graph.type(id).ToString());
  return texts;
}

// The second operand of the first operator.
const ir::Operand& SecondOperand(const Imported& imported) {
  return imported.graph.nodes()[0].arguments[1].value;
}

std::string OperandText(const ir::Operand& operand) {
  if (std::holds_alternative<ir::None>(operand)) return "None";
  if (const bool* flag = std::get_if<bool>(&operand)) return *flag ? "True" : "False";
  if (const Dim* dim = std::get_if<Dim>(&operand)) return dim->ToString();
  if (const double* number = std::get_if<double>(&operand))
    return testing::PrintToString(*number) + " (float)";
  return "another kind";
}

// ---- Values

TEST(FixedInputs, ReplaceDefaultsWithoutAWarning) {
  const module::Module module =
      MakeModule(ForwardOf(",\n    k: int=3,\n    alpha: float=0.5", "torch.mul(torch.mul(x, k), alpha)"));
  auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(std::get<Dim>(SecondOperand(*imported)), Dim(3));
  EXPECT_THAT(
      imported->warnings,
      ElementsAre("forward's argument k is fixed at its default 3; --input k=VALUE fixes it at another value",
                  "forward's argument alpha is fixed at its default 0.5; --input alpha=VALUE fixes it at "
                  "another value"));

  imported = ImportWith(module, {Fixed("alpha", std::int64_t{2}), Fixed("k", std::int64_t{7})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(std::get<Dim>(SecondOperand(*imported)), Dim(7));
  // An int is taken for a float.
  EXPECT_EQ(std::get<double>(imported->graph.nodes()[1].arguments[1].value), 2.0);
  EXPECT_THAT(imported->warnings, IsEmpty());
}

TEST(FixedInputs, TakeEveryKindThatFits) {
  const auto operand = [](const std::string& type, InputLiteral value) -> Result<std::string> {
    const Imported imported = OCTAVO_TRY(
        ImportWith(MakeModule(ForwardOf(",\n    k: " + type, "torch.relu(x, k)")), {Fixed("k", value)}));
    EXPECT_THAT(imported.warnings, IsEmpty());
    return OperandText(SecondOperand(imported));
  };
  EXPECT_EQ(*operand("int", std::int64_t{3}), "3");
  EXPECT_EQ(*operand("Optional[int]", std::int64_t{3}), "3");
  EXPECT_EQ(*operand("Optional[int]", std::monostate()), "None");
  EXPECT_EQ(*operand("float", 0.5), "0.5 (float)");
  EXPECT_EQ(*operand("float", std::int64_t{3}), "3 (float)");
  EXPECT_EQ(*operand("Optional[float]", std::int64_t{3}), "3 (float)");
  EXPECT_EQ(*operand("bool", true), "True");
  EXPECT_EQ(*operand("Optional[bool]", false), "False");
  EXPECT_EQ(*operand("number", true), "True");
  EXPECT_EQ(*operand("number", 0.5), "0.5 (float)");
  EXPECT_EQ(*operand("number", std::int64_t{3}), "3");
  EXPECT_EQ(*operand("Union[float, int]", std::int64_t{3}), "3");
  EXPECT_EQ(*operand("Union[float, int]", 0.5), "0.5 (float)");
  EXPECT_EQ(*operand("Union[float, int, NoneType]", std::monostate()), "None");
  EXPECT_EQ(*operand("Union[float, int, bool]", true), "True");
  EXPECT_EQ(*operand("Union[Tensor, int]", std::int64_t{3}), "3");
  EXPECT_EQ(*operand("Optional[str]", std::monostate()), "None");
  EXPECT_EQ(*operand("Optional[List[int]]", std::monostate()), "None");
  EXPECT_EQ(*operand("Optional[Tensor]", std::monostate()), "None");
  EXPECT_EQ(*operand("Optional[Tuple[Tensor, Tensor]]", std::monostate()), "None");

  for (const auto& [type, value] :
       std::vector<std::pair<std::string, InputLiteral>>{{"int", 0.5},
                                                         {"int", true},
                                                         {"int", std::monostate()},
                                                         {"float", true},
                                                         {"float", std::monostate()},
                                                         {"bool", std::int64_t{1}},
                                                         {"bool", 0.5},
                                                         {"bool", std::monostate()},
                                                         {"Optional[int]", 0.5},
                                                         {"number", std::monostate()},
                                                         {"Union[float, int]", true},
                                                         {"Union[float, int]", std::monostate()},
                                                         {"Union[Tensor, int]", 0.5},
                                                         {"str", std::int64_t{1}},
                                                         {"str", std::monostate()},
                                                         {"Optional[str]", true},
                                                         {"List[int]", std::int64_t{1}},
                                                         {"Tensor", std::int64_t{1}},
                                                         {"Tensor", std::monostate()},
                                                         {"Optional[Tensor]", std::int64_t{1}},
                                                         {"Optional[Tuple[Tensor, Tensor]]", true},
                                                         {"Tuple[Tensor, Tensor]", std::monostate()},
                                                         {"List[Tensor]", std::monostate()},
                                                         {"Dict[str, Tensor]", std::int64_t{1}}}) {
    const auto refused = operand(type, value);
    ASSERT_FALSE(refused) << type;
    EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(refused.error().what(), HasSubstr("forward's argument k is ")) << type;
    EXPECT_THAT(refused.error().hint(), HasSubstr("--input")) << type;
  }
}

TEST(FixedInputs, SayWhatAWrongKindWouldHaveToBe) {
  const module::Module module = MakeModule(ForwardOf(
      ",\n    k: int=3,\n    flag: bool=False,\n    mask: Optional[Tensor]=None,\n    mode: str=\"near\"",
      "torch.relu(x, k)"));
  const auto refused = [&](InputSpec spec) {
    const auto imported = ImportWith(module, {std::move(spec)});
    EXPECT_FALSE(imported);
    return imported.error().what() + " | " + imported.error().hint();
  };
  EXPECT_EQ(refused(Fixed("k", 0.5)),
            "--input k=0.5: forward's argument k is an int | It takes a value such as --input k=3.");
  EXPECT_EQ(
      refused(Fixed("flag", std::int64_t{1})),
      "--input flag=1: forward's argument flag is a bool | It takes a value such as --input flag=true.");
  EXPECT_EQ(
      refused(Fixed("x", std::monostate())),
      "--input x=None: forward's argument x is a tensor | Describe a tensor by its type and shape: --input "
      "'x:float32[1,3,224,224]'.");
  EXPECT_EQ(refused(Fixed("mask", std::int64_t{1})),
            "--input mask=1: forward's argument mask is of type Optional[Tensor] | Describe a tensor by its "
            "type and "
            "shape: --input 'mask:float32[1,3,224,224]'. --input mask=None leaves it out.");
  EXPECT_EQ(
      refused(Fixed("mode", std::int64_t{1})),
      "--input mode=1: forward's argument mode is a str | --input name=value is for int, float and bool "
      "arguments, and for None.");
  EXPECT_EQ(refused(Fixed("K", std::int64_t{1})),
            "--input K: forward has no argument K (did you mean k?) | forward takes x: Tensor, k: int = 3, "
            "flag: bool "
            "= False, mask: Optional[Tensor] = None, mode: str = \"near\".");
  EXPECT_THAT(refused(Fixed("temperature", 1.0)), HasSubstr("forward has no argument temperature | "));
  EXPECT_THAT(refused(Input({1}, "maks")), HasSubstr("forward has no argument maks (did you mean mask?)"));
  const InputSpec tensor = {.name = "k", .type = {.dtype = DType::kInt64, .shape = Shape{}}, .value = {}};
  EXPECT_THAT(refused(tensor),
              HasSubstr("--input k: k is an int, not a tensor | A number can be fixed, as in --input k=3; "
                        "numbers as inputs of the converted model are for a later version. forward takes x: "
                        "Tensor, k: int"));
}

TEST(FixedInputs, AreGivenOnce) {
  const module::Module module =
      MakeModule(ForwardOf(",\n    m: Optional[Tensor]=None,\n    p: Optional[Tuple[Tensor, Tensor]]=None,\n"
                           "    k: int=3",
                           "torch.relu(x)"));
  for (const auto& inputs :
       std::vector<std::vector<InputSpec>>{{Fixed("k", std::int64_t{1}), Fixed("k", std::int64_t{1})},
                                           {Fixed("m", std::monostate()), Input({1}, "m")},
                                           {Input({1}, "m"), Fixed("m", std::monostate())},
                                           {Fixed("p", std::monostate()), Input({1}, "p.0")},
                                           {Input({1}, "p.0"), Fixed("p", std::monostate())},
                                           {Input({1}, "p.0"), Input({1}, "p.0")}}) {
    const auto imported = ImportWith(module, inputs);
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(imported.error().what(), HasSubstr("is given twice"));
  }
}

TEST(FixedInputs, MustBeGivenWhereThereIsNoDefault) {
  const auto refused = [](const std::string& type) {
    const auto imported =
        ImportWith(MakeModule(ForwardOf(",\n    k: " + type, "torch.mul(x, k)")), {Input({1}, "x")});
    EXPECT_FALSE(imported);
    return imported.error();
  };
  EXPECT_EQ(refused("int").what(), "forward's argument k is an int, and has no default value");
  EXPECT_EQ(refused("int").code(), ErrorCode::kUsage);
  EXPECT_EQ(refused("int").hint(), "Fix it at a value with --input k=3. forward takes x: Tensor, k: int.");
  EXPECT_EQ(refused("int").where(), "code/__torch__.py:7:5");
  EXPECT_THAT(refused("bool").hint(), HasSubstr("--input k=true."));
  EXPECT_THAT(refused("Optional[float]").hint(), HasSubstr("--input k=0.5."));
  EXPECT_THAT(refused("Union[Tensor, int]").hint(), HasSubstr("--input k=3."));
  EXPECT_EQ(refused("str").code(), ErrorCode::kUnsupported);
  EXPECT_THAT(refused("List[int]").hint(), HasSubstr("wrapper module"));

  // Items of a tuple can be fixed, too.
  const module::Module module =
      MakeModule(ForwardOf(",\n    p: Tuple[Tensor, int]", "torch.mul((p)[0], (p)[1])"));
  EXPECT_FALSE(ImportWith(module, {}));
  const auto imported = ImportWith(module, {Fixed("p.1", std::int64_t{5})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(std::get<Dim>(SecondOperand(*imported)), Dim(5));
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32", "p.0:float32"));
}

// ---- What is left out

TEST(LeftOutInputs, AreNamed) {
  const module::Module module = MakeModule(
      ForwardOf(",\n    mask: Optional[Tensor]=None,\n    p: Optional[Tuple[Tensor, Tensor]]=None,\n"
                "    mode: str=\"nearest\",\n    sizes: List[int]=[2, 2],\n    scale: Optional[float]=None",
                "torch.relu(x, mask)"));
  auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(
      imported->warnings,
      ElementsAre(
          "forward's argument mask is left out (None); --input mask=None confirms this, --input "
          "'mask:float32[...]' makes it an input",
          "forward's argument p is left out (None); --input p=None confirms this, an --input for each of its "
          "tensors makes them inputs",
          "forward's argument mode is fixed at its default \"nearest\"; a wrapper module around the model "
          "can "
          "pass another value",
          "forward's argument sizes is fixed at its default [2, 2]; a wrapper module around the model can "
          "pass "
          "another value",
          "forward's argument scale is fixed at its default None; --input scale=VALUE fixes it at another "
          "value"));
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32"));

  imported = ImportWith(module, {Fixed("mask", std::monostate()), Fixed("p", std::monostate()),
                                 Fixed("mode", std::monostate())});
  EXPECT_FALSE(imported);  // mode is no Optional
  imported = ImportWith(module,
                        {Fixed("mask", std::monostate()), Fixed("p", std::monostate()), Fixed("scale", 0.5)});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->warnings.size(), 2u);
}

TEST(LeftOutInputs, OfATensorOrANumberIsTheNumber) {
  const module::Module module = MakeModule(ForwardOf(",\n    k: Union[Tensor, int]=3", "torch.mul(x, k)"));
  auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(OperandText(SecondOperand(*imported)), "3");
  EXPECT_THAT(imported->warnings, ElementsAre(HasSubstr("k is fixed at its default 3; --input k=VALUE")));
  imported = ImportWith(module, {Input({2}), Input({2})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32[2]", "k:float32[2]"));
  EXPECT_THAT(imported->warnings, IsEmpty());
}

TEST(LeftOutInputs, BecomeInputsWhereASpecIsGiven) {
  const module::Module module =
      MakeModule(ForwardOf(",\n    a: Optional[Tensor]=None,\n    k: int=3,\n    b: Optional[Tensor]=None",
                           "torch.relu(x, a, b)"));
  const auto inputs = [&](std::vector<InputSpec> specs) {
    const auto imported = ImportWith(module, std::move(specs));
    EXPECT_TRUE(imported) << imported.error().ToString();
    return InputsOf(*imported);
  };
  EXPECT_THAT(inputs({Input({2}), Input({3})}), ElementsAre("x:float32[2]", "a:float32[3]"));
  EXPECT_THAT(inputs({Input({4}, "b")}), ElementsAre("x:float32", "b:float32[4]"));
  EXPECT_THAT(inputs({Input({4}, "b"), Input({2}), Input({3})}),
              ElementsAre("x:float32[2]", "a:float32[3]", "b:float32[4]"));
  // What is left out on purpose takes no SPEC by position.
  EXPECT_THAT(inputs({Fixed("a", std::monostate()), Input({2}), Input({3})}),
              ElementsAre("x:float32[2]", "b:float32[3]"));
  const auto many = ImportWith(module, {Input({1}), Input({1}), Input({1}), Input({1})});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().what(), "--input is given for 4 tensors, but forward takes 3 by position");
}

// ---- Traced inputs

TEST(TracedInputs, GiveTypesWhereNoSpecDoes) {
  module::Module module = MakeModule(
      ForwardOf(",\n    p: Tuple[Tensor, Tensor],\n    l: List[Tensor],\n    d: Dict[str, Tensor],\n"
                "    m: Optional[Tensor]=None",
                "torch.cat([x, (p)[0], (p)[1], (l)[0], (l)[1], d[\"b.c\"], d[\"a\"]], 1)"));
  module.traced_inputs = {Hint(0, "", {2, 3}), Hint(1, ".0", {4}), Hint(1, ".1", {5}, DType::kInt64),
                          Hint(2, ".0", {6}),  Hint(2, ".1", {7}), Hint(3, ".b.c", {8}),
                          Hint(3, ".a", {9}),  Hint(4, "", {10})};
  auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported),
              ElementsAre("x:float32[2,3]", "p.0:float32[4]", "p.1:int64[5]", "l.0:float32[6]",
                          "l.1:float32[7]", "d.b.c:float32[8]", "d.a:float32[9]", "m:float32[10]"));
  EXPECT_THAT(imported->warnings, IsEmpty());

  // A SPEC replaces its own alone, by name or by position.
  imported = ImportWith(module, {Input({1}, "l.1"), Input({2}), Input({3})});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported),
              ElementsAre("x:float32[2]", "p.0:float32[3]", "p.1:int64[5]", "l.0:float32[6]",
                          "l.1:float32[1]", "d.b.c:float32[8]", "d.a:float32[9]", "m:float32[10]"));
  imported = ImportWith(module, {Fixed("m", std::monostate())});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(InputsOf(*imported).size(), 7u);
}

TEST(TracedInputs, LeaveOutWhatTheTraceWasNotGiven) {
  module::Module module =
      MakeModule(ForwardOf(",\n    k: int=3,\n    a: Optional[Tensor]=None,\n    b: Optional[Tensor]=None",
                           "torch.relu(x, a, b)"));
  // The second argument was a number, the third None.
  module.traced_inputs = {Hint(0, "", {2, 3}), Hint(3, "", {5})};
  const auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32[2,3]", "b:float32[5]"));
  EXPECT_EQ(imported->warnings.size(), 2u);
}

TEST(TracedInputs, OfAnotherForwardAreNotUsed) {
  module::Module module = MakeModule(ForwardOf("", "torch.relu(x)"));
  module.traced_inputs = {Hint(0, "", {2, 3}), Hint(1, "", {5})};
  auto imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32"));
  module.traced_inputs = {Hint(0, ".0", {2, 3})};
  imported = ImportWith(module, {});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(InputsOf(*imported), ElementsAre("x:float32"));
}

}  // namespace
}  // namespace octavo::import
