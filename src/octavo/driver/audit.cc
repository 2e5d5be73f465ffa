#include "octavo/driver/audit.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "octavo/archive/archive.h"
#include "octavo/archive/oddities.h"
#include "octavo/base/file_kind.h"
#include "octavo/base/mapped_file.h"
#include "octavo/module/class_check.h"
#include "octavo/module/foreign.h"
#include "octavo/module/load.h"
#include "octavo/pickle/effects.h"
#include "octavo/source/parser.h"

namespace octavo::driver {
namespace {

std::string_view FileText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c >= 0x80;
  });
}

// Would a program that unpickles the bytes import anything?  Of bytes that are hardly a pickle, weights for
// instance, only what chance does not make counts: names of Python, or a pickle that ends as one.
bool Acts(std::span<const std::byte> bytes, bool is_pickle = false) {
  const pickle::Effects effects = pickle::FindEffects(bytes);
  if (is_pickle || effects.stopped) return !effects.globals.empty() || !effects.extensions.empty();
  return std::ranges::any_of(effects.globals,
                             [](const auto& global) { return IsName(global.module) && IsName(global.name); });
}

// Does a list of weights in an archive of torch.export say that some are to be unpickled?  An escape in a
// text may hide it.
bool MayUnpickle(std::string_view json) {
  if (json.find('\\') != std::string_view::npos) return true;
  constexpr std::string_view kKey = "\"use_pickle\"";
  for (std::size_t at = json.find(kKey); at != std::string_view::npos; at = json.find(kKey, at + 1)) {
    const std::size_t value = json.find_first_not_of(" \t\r\n:", at + kKey.size());
    if (value != std::string_view::npos && json.substr(value).starts_with("true")) return true;
  }
  return false;
}

// A library or program: a loader of the archive's model may load it.
bool IsNativeCode(std::string_view name, std::string_view head) {
  constexpr std::array<std::string_view, 5> kSuffixes = {".so", ".dll", ".dylib", ".pyd", ".cubin"};
  return head.starts_with(
             "\x7f"
             "ELF") ||
         std::ranges::any_of(kSuffixes, [name](std::string_view suffix) { return name.ends_with(suffix); });
}

// torch.save's former format: a magic number, a version, the machine's properties, the value, the storages'
// names, each a pickle; behind them are the storages.
void AuditPickles(std::span<const std::byte> bytes, std::string_view where, Audit& audit) {
  // 0x1950a86a20f9469cfc6c, as LONG1 of ten bytes, behind the protocol.
  constexpr std::string_view kMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  const bool legacy = FileText(bytes).starts_with(kMagic);
  std::size_t position = 0;
  for (int i = 0; i < 5 && position < bytes.size(); ++i) {
    const std::string part = i == 0 && !legacy
                                 ? std::string(where)
                                 : fmt::format("{}{}pickle {}", where, where.empty() ? "" : ", ", i + 1);
    const std::span<const std::byte> rest = bytes.subspan(position);
    // The number may be written in many ways, so what follows counts, too, if it would do anything.
    if (i > 0 && !legacy && !Acts(rest)) {
      const pickle::Effects harmless = pickle::FindEffects(rest);
      if (!harmless.stopped) return;
      position += harmless.end;
      continue;
    }
    const std::size_t length = AuditPickle(rest, part.empty() ? "pickle" : part, false, audit);
    if (length == 0) return;
    position += length;
  }
}

// torch.load takes any file for a tar archive, its oldest format, whose first 512 bytes add up to the number
// that is written in them, and unpickles what is in it.
bool IsTar(std::span<const std::byte> bytes) {
  constexpr std::size_t kBlock = 512, kSum = 148, kDigits = 8;
  if (bytes.size() < kBlock) return false;
  std::uint64_t wanted = 0;
  std::int64_t with_signs = 0, without = 0;
  bool octal = false;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto byte = std::to_integer<unsigned char>(bytes[i]);
    const bool of_sum = i >= kSum && i < kSum + kDigits;
    if (of_sum && byte >= '0' && byte <= '7') {
      wanted = wanted * 8 + (byte - '0');
      octal = true;
    }
    without += of_sum ? ' ' : byte;
    with_signs += of_sum ? ' ' : static_cast<signed char>(byte);
  }
  // As 256-ary digits behind 0x80.
  if (bytes[kSum] == std::byte{0x80}) {
    wanted = 0;
    octal = true;
    for (std::size_t i = kSum + 1; i < kSum + kDigits; ++i)
      wanted = wanted << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  }
  const auto sum = static_cast<std::int64_t>(wanted);
  return octal && (sum == without || sum == with_signs);
}

class ArchiveAudit {
 public:
  ArchiveAudit(const archive::Archive& archive, std::string prefix, const Limits& limits, int depth,
               Audit& audit)
      : archive_(archive), prefix_(std::move(prefix)), limits_(limits), depth_(depth), audit_(audit) {}

  // "TorchScript", "torch.save", ...
  std::string Run() {
    for (const archive::Oddity& oddity : archive::FindOddities(archive_)) {
      audit_.Add(Where(oddity.where), oddity.what);
    }
    script_ = archive_.Has("data.pkl") &&
              (archive_.HasUnder("code/") || archive_.Has("bytecode.pkl") || archive_.Has("constants.pkl"));
    const bool package = archive_.HasUnder(".data/extern_modules");
    for (const archive::Entry& entry : archive_.directory().entries) AuditRecord(entry, package);
    if (exported_) {
      AuditWeights();
      AuditJson();
    }
    if (script_) return "TorchScript";
    if (package) return "torch.package";
    if (exported_) return "torch.export";
    return archive_.Has("data.pkl") ? "torch.save" : "zip";
  }

 private:
  std::string Where(const std::string& where) const {
    if (prefix_.empty()) return where;
    return where.empty() ? prefix_ : prefix_ + ", " + where;
  }

  std::optional<Storage> Read(std::string_view name, const archive::Entry& entry) {
    auto bytes = archive_.Read(name);
    if (bytes) return std::move(*bytes);
    const std::string where = Where("record " + entry.name);
    const bool known =
        std::ranges::any_of(audit_.findings, [&](const Finding& f) { return f.where == where; });
    if (!known) audit_.Add(where, bytes.error().what());
    return std::nullopt;
  }

  void AuditRecord(const archive::Entry& entry, bool package) {
    std::string_view name = entry.name;
    if (!archive::LowerCase(name).starts_with(archive::LowerCase(archive_.root()))) return;
    name.remove_prefix(archive_.root().size());
    const std::string lower = archive::LowerCase(name);
    const std::string where = Where("record " + entry.name);
    exported_ |= lower == "archive_format" || lower.ends_with("serialized_exported_program.json") ||
                 (lower.starts_with("models/") && lower.ends_with(".json"));
    const bool storage = lower.starts_with("data/") && lower.find('.') == std::string::npos;
    if (entry.size == 0 || storage || lower.starts_with("constants/")) return;
    if (lower.ends_with(".pkl") || lower.ends_with(".debug_pkl")) {
      if (const auto bytes = Read(name, entry)) {
        const std::size_t length = AuditPickle(bytes->bytes, where, script_, audit_);
        if (length != 0 && length < bytes->bytes.size()) {
          audit_.Add(where, fmt::format("has {} bytes behind the pickle", bytes->bytes.size() - length));
        }
        if (lower == "bytecode.pkl") AuditBytecode(*bytes, where, limits_, audit_);
      }
    } else if (script_ && lower.starts_with("code/") && lower.ends_with(".py")) {
      if (const auto bytes = Read(name, entry)) {
        AuditCode(FileText(bytes->bytes), where, audit_);
        AuditDefinitions(entry.name, FileText(bytes->bytes));
      }
    } else if (package && lower.ends_with(".py")) {
      audit_.Add(where, "is Python code that torch.package runs when the package is imported");
    } else if (lower.ends_with(".pt") || IsNativeCode(lower, "")) {
      AuditNested(name, lower, entry, where);
    }
  }

  // Of an archive of torch.export: numbers, mostly, but some may be pickles.
  void AuditWeights() {
    struct Weights {
      std::string_view name;
      const archive::Entry* entry;
    };
    std::vector<Weights> weights;
    bool pickles = false;
    for (const archive::Entry& entry : archive_.directory().entries) {
      const std::string lower = archive::LowerCase(entry.name);
      if (!lower.starts_with(archive::LowerCase(archive_.root()) + "data/")) continue;
      const std::string_view name = std::string_view(entry.name).substr(archive_.root().size());
      if (!lower.ends_with(".json")) {
        weights.push_back({name, &entry});
      } else if (const auto json = archive_.Read(name)) {
        pickles |= MayUnpickle(FileText(json->bytes));
      }
    }
    for (const auto& [name, entry] : weights) {
      const auto bytes = archive_.Read(name);
      const std::string lower = archive::LowerCase(entry->name);
      if (!bytes || lower.ends_with(".pt") || lower.ends_with(".pkl")) continue;  // AuditRecord
      if (archive::LooksLikeZip(bytes->bytes) || Acts(bytes->bytes, pickles))
        AuditNested(name, lower, *entry, Where("record " + entry->name), pickles);
    }
  }

  void AuditJson() {
    const std::string root = archive::LowerCase(archive_.root());
    for (const archive::Entry& entry : archive_.directory().entries) {
      const std::string lower = archive::LowerCase(entry.name);
      // The files of the user, which torch.export.load only hands over.
      if (!lower.starts_with(root) || lower.starts_with(root + "extra/") || !lower.ends_with(".json"))
        continue;
      const std::string_view name = std::string_view(entry.name).substr(archive_.root().size());
      if (const auto bytes = Read(name, entry)) {
        AuditExportedJson(FileText(bytes->bytes), Where("record " + entry.name), audit_);
      }
    }
  }

  // Code that does not parse is another matter.
  void AuditDefinitions(const std::string& record, std::string_view code) {
    auto text = std::make_shared<SourceText>();
    text->name = record;
    text->text = code;
    const auto file = source::Parse(std::move(text), limits_);
    if (!file) return;
    if (const Status once = module::CheckDefinedOnce(**file); !once) {
      audit_.Add(Where(once.error().where()), once.error().what());
    }
  }

  // Weights, example inputs and compiled code in an archive of torch.export.
  void AuditNested(std::string_view name, const std::string& lower, const archive::Entry& entry,
                   const std::string& where, bool is_pickle = false) {
    const auto bytes = Read(name, entry);
    if (!bytes) return;
    if (IsNativeCode(lower, FileText(bytes->bytes))) {
      audit_.Add(where, "is compiled code that PyTorch loads and runs");
    } else if (archive::LooksLikeZip(bytes->bytes) && depth_ < kDeepest) {
      const auto inner = archive::Archive::Open(*bytes, limits_);
      if (inner) {
        ArchiveAudit(**inner, where, limits_, depth_ + 1, audit_).Run();
        if (!FileText(bytes->bytes).starts_with("PK")) AuditPickles(bytes->bytes, where, audit_);
      } else {
        audit_.Add(where, inner.error().what());
      }
    } else if (FileText(bytes->bytes).starts_with('\x80') || Acts(bytes->bytes, is_pickle)) {
      AuditPickles(bytes->bytes, where, audit_);
    }
  }

  static constexpr int kDeepest = 3;

  const archive::Archive& archive_;
  std::string prefix_;
  const Limits& limits_;
  int depth_;
  Audit& audit_;
  bool script_ = false, exported_ = false;
};

// What PyTorch and Octavo would read as two models, Octavo refuses: the reason is a finding.
void AuditLoad(const std::filesystem::path& path, const Limits& limits, Audit& audit) {
  const auto module = module::Load(path, limits);
  if (module || module.error().code() != ErrorCode::kInvalidFile) return;
  const std::string& where = module.error().where();
  const std::string what = module.error().what() + ", so Octavo does not read it";
  const bool known = std::ranges::any_of(audit.findings, [&where](const Finding& finding) {
    return !where.empty() && finding.where.starts_with(where);
  });
  if (!known) audit.Add(where, what);
}

Result<Audit> AuditZip(const std::shared_ptr<const MappedFile>& file, const std::filesystem::path& path,
                       const Limits& limits) {
  Audit audit;
  const auto archive = OCTAVO_TRY(archive::Archive::Open(file, limits));
  audit.format = ArchiveAudit(*archive, "", limits, 0, audit).Run();
  if (audit.format == "TorchScript" && module::CheckIsTorchScript(*archive, limits))
    AuditLoad(path, limits, audit);
  return audit;
}

}  // namespace

Result<Audit> AuditFile(const std::filesystem::path& path, const Limits& limits) {
  const std::shared_ptr<const MappedFile> file = OCTAVO_TRY(MappedFile::Open(path));
  const std::span<const std::byte> bytes = file->bytes();
  // torch.load takes a file that begins otherwise than a zip for a pickle, torch.jit.load looks at its end.
  if (archive::LooksLikeZip(bytes)) {
    Audit audit = OCTAVO_TRY(AuditZip(file, path, limits));
    if (!FileText(bytes).starts_with("PK")) {
      AuditPickles(bytes, "", audit);
      if (IsTar(bytes)) audit.Add("", "is a tar archive, too, in which torch.load unpickles the members");
    }
    return audit;
  }
  const std::optional<FileKind> kind = RecognizeFile(bytes);
  if (IsTar(bytes)) {
    return InvalidFile("this is a tar archive, which --audit does not support",
                       "torch.load unpickles what is in it.");
  }
  Audit audit;
  if (kind && kind->id == FileKind::Id::kOnnx) {
    audit.format = "ONNX";
    AuditOnnx(bytes, path, audit);
    if (Acts(bytes)) AuditPickles(bytes, "", audit);
    return audit;
  }
  const pickle::Effects effects = pickle::FindEffects(bytes);
  if (FileText(bytes).starts_with('\x80') || effects.stopped || !effects.globals.empty()) {
    audit.format = "pickle";
    AuditPickles(bytes, "", audit);
    return audit;
  }
  return InvalidFile(kind ? fmt::format("this is {}, which --audit does not support", kind->what)
                          : "the file is of an unknown format",
                     "--audit takes files of torch.jit.save, torch.save, torch.export, and ONNX.");
}

}  // namespace octavo::driver
