#include "octavo/module/program.h"

#include <algorithm>
#include <utility>

#include "octavo/module/class_check.h"
#include "octavo/source/parser.h"

namespace octavo::module {

const ClassDefinition::Members& ClassDefinition::GetMembers() const {
  if (members_) return *members_;
  auto members = std::make_shared<Members>();
  for (const auto& function : syntax->methods) members->methods.try_emplace(function->name, function.get());
  for (const source::StatementPtr& statement : syntax->body) {
    if (statement->kind == source::StatementKind::kAssign && !statement->targets.empty() &&
        statement->targets[0]->kind == source::ExprKind::kName) {
      members->constants.try_emplace(statement->targets[0]->text, statement->value.get());
    }
  }
  members_ = std::move(members);
  return *members_;
}

const source::Function* ClassDefinition::FindMethod(std::string_view method) const {
  const auto& methods = GetMembers().methods;
  const auto found = methods.find(method);
  return found == methods.end() ? nullptr : found->second;
}

const source::Expr* ClassDefinition::FindConstant(std::string_view constant) const {
  const auto& constants = GetMembers().constants;
  const auto found = constants.find(constant);
  return found == constants.end() ? nullptr : found->second;
}

Result<std::unique_ptr<const source::File>> ArchiveProgram::Parse(const std::string& record) const {
  auto text = std::make_shared<SourceText>();
  text->name = record;
  text->text = OCTAVO_TRY(archive_->ReadText(record));
  return source::Parse(std::move(text), limits_, source::Parts::kWithoutSaving, arena_);
}

Result<const ArchiveProgram::CodeFile*> ArchiveProgram::FileOf(std::string_view name) const {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  const std::string prefix(name.substr(0, dot));
  auto found = files_.find(prefix);
  if (found == files_.end()) {
    std::string record = "code/" + prefix + ".py";
    std::replace(record.begin(), record.end() - 3, '.', '/');
    if (!archive_->Has(record)) return nullptr;
    found = files_.try_emplace(prefix).first;
    CodeFile& code = found->second;
    auto parsed = Parse(record);
    if (Status once = parsed ? CheckDefinedOnce(**parsed) : Status(); !once) parsed = once.error();
    if (parsed) {
      code.file = std::move(*parsed);
      for (const auto& definition : code.file->classes) {
        const std::string qualified = prefix + "." + definition->name;
        code.classes.try_emplace(qualified, ClassDefinition{qualified, definition.get(), code.file.get()});
      }
      for (const auto& definition : code.file->functions) {
        const std::string qualified = prefix + "." + definition->name;
        code.functions.try_emplace(qualified,
                                   FunctionDefinition{qualified, definition.get(), code.file.get()});
      }
    } else {
      code.error = std::make_unique<const Error>(parsed.error());
    }
  }
  if (found->second.error) return Error(*found->second.error);
  return &found->second;
}

Result<const ClassDefinition*> ArchiveProgram::FindClass(std::string_view name) const {
  const CodeFile* code = OCTAVO_TRY(FileOf(name));
  if (code == nullptr) return nullptr;
  const auto found = code->classes.find(std::string(name));
  return found == code->classes.end() ? nullptr : &found->second;
}

Result<const FunctionDefinition*> ArchiveProgram::FindFunction(std::string_view name) const {
  const CodeFile* code = OCTAVO_TRY(FileOf(name));
  if (code == nullptr) return nullptr;
  const auto found = code->functions.find(std::string(name));
  return found == code->functions.end() ? nullptr : &found->second;
}

const AuthorLine* ArchiveProgram::FindAuthorLine(const SourceRange& range) const {
  if (!range.source) return nullptr;
  auto [found, added] = source_maps_.try_emplace(range.source->name);
  if (added) {
    // All source maps together may have as many bytes as this.
    const std::size_t limit =
        std::min(std::size_t{64} << 20, (std::size_t{4} << 20) + 16 * archive_->file_bytes());
    auto record = archive_->ReadOptional(range.source->name + ".debug_pkl", limit - source_map_bytes_);
    if (record) {
      source_map_bytes_ += record->bytes.size();
      found->second = SourceMap::Read(std::move(*record), limits_);
    }
  }
  return found->second ? found->second->Find(range.begin) : nullptr;
}

}  // namespace octavo::module
