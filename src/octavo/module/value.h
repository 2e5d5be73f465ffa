#pragma once

// A saved model after reading: the tree of modules with their attributes, and the program that belongs to it.
// Nothing has been executed.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "octavo/graph.h"
#include "octavo/source/syntax.h"
#include "octavo/tensor.h"

namespace octavo::module {

struct Value;
struct Object;

struct List {
  std::vector<Value> items;
};
struct Tuple {
  std::vector<Value> items;
};
struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in the order of the file
};
struct Device {
  std::string name;  // "cpu", "cuda:0"
};
// An enum member or a torch.* global kept by name, such as "torch.per_tensor_affine".
struct Symbol {
  std::string name;
};

// Containers and objects are shared: two references in the file are one thing here, too.
struct Value {
  std::variant<std::monostate /* None */, bool, std::int64_t, double, std::string, Tensor, Device, Symbol,
               std::shared_ptr<List>, std::shared_ptr<Tuple>, std::shared_ptr<Dict>, std::shared_ptr<Object>,
               std::shared_ptr<const ir::PackedWeights>>
      v;
  bool is_none() const { return v.index() == 0; }
};

// An instance of a TorchScript class: a module, or a user's class.
struct Object {
  std::string class_name;                                 // "__torch__.torch.nn.modules.conv.Conv2d"
  std::vector<std::pair<std::string, Value>> attributes;  // in the order of the file
  // Set where the class has a __setstate__ method: `attributes` is empty until the importer has evaluated it.
  std::shared_ptr<Value> state;

  const Value* Find(std::string_view name) const;
};

struct ClassDefinition {
  std::string name;  // qualified
  const source::Class* syntax = nullptr;
  const source::File* file = nullptr;

  ClassDefinition() = default;
  ClassDefinition(std::string qualified, const source::Class* its_syntax, const source::File* its_file)
      : name(std::move(qualified)), syntax(its_syntax), file(its_file) {}

  const source::Function* FindMethod(std::string_view method) const;
  // The value in the assignment "name : Final[int] = 3" or "RED = 1" of the class's body; null: there is
  // none.
  const source::Expr* FindConstant(std::string_view constant) const;

 private:
  struct Members {
    std::unordered_map<std::string_view, const source::Function*> methods;
    std::unordered_map<std::string_view, const source::Expr*> constants;
  };
  const Members& GetMembers() const;
  mutable std::shared_ptr<const Members> members_;  // by name; made when one is first asked for
};

struct FunctionDefinition {
  std::string name;  // qualified: "__torch__.torch.nn.functional.relu"
  const source::Function* syntax = nullptr;
  const source::File* file = nullptr;
};

// A line of the Python source that generated code was made from.
struct AuthorLine {
  enum class Owner : std::uint8_t { kAuthor, kTorchvision, kPyTorch };  // the best first
  std::string file;                                                     // without its folders: "net.py"
  std::int64_t line = 0;
  Owner owner = Owner::kAuthor;
  bool traced = false;  // the code is a trace of it: its numbers may be the example's
};

// Files of code/ are parsed when a name in them is first asked for, since models bring much code that is
// never reached.
class Program {
 public:
  virtual ~Program() = default;
  // `name` is "__torch__.a.b.C": class C (or function C) of code/__torch__/a/b.py.  Null: there is none.  An
  // error: its file does not parse.
  virtual Result<const ClassDefinition*> FindClass(std::string_view name) const = 0;
  virtual Result<const FunctionDefinition*> FindFunction(std::string_view name) const = 0;
  // The line of Python that the code at `range` came from; null: the file does not say.
  virtual const AuthorLine* FindAuthorLine(const SourceRange& /*range*/) const { return nullptr; }
};

// One tensor of those that a model was traced with.
struct InputHint {
  std::size_t argument = 0;  // of forward, counted from 0 without self
  std::string item;          // where it lies in a tuple, list or dict: ".0", ".key", ".1.key"
  TensorType type;
};

// A weight whose bytes PyTorch did not save: the file has zeros in their place.
struct LostWeight {
  std::string name;  // "fc.weight"
  std::shared_ptr<const Storage> storage;
};

struct Module {
  std::shared_ptr<Object> root;
  std::shared_ptr<const Program> program;
  std::vector<Value> constants;          // CONSTANTS.c0, c1, ...
  std::string archive_version;           // the content of `version` or `.data/version`
  std::string producer;                  // "PyTorch 1.6 to 1.13" ...: what the records tell
  bool traced = false;                   // as far as the records tell
  std::vector<InputHint> traced_inputs;  // in order, from traced_inputs.pkl, where the file has it
  std::uint64_t file_bytes = 0;
  std::vector<LostWeight> lost_weights;
  std::vector<std::string> warnings;
};

}  // namespace octavo::module
