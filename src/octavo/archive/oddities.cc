#include "octavo/archive/oddities.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace octavo::archive {
namespace {

constexpr std::size_t kEndRecordSize = 22;

class Finder {
 public:
  explicit Finder(const Archive& archive)
      : directory_(archive.directory()),
        root_(archive.root()),
        bytes_(archive.bytes()),
        text_(reinterpret_cast<const char*>(bytes_.data()), bytes_.size()) {}

  std::vector<Oddity> Run() {
    CheckEnd();
    CheckNames();
    for (const Entry& entry : directory_.entries) CheckRecord(entry);
    CheckGaps();
    return std::move(oddities_);
  }

 private:
  void Add(std::string what, const Entry* entry = nullptr) {
    oddities_.push_back({entry ? "record " + entry->name : std::string(), std::move(what)});
  }

  void CheckEnd() {
    // A locator and its record stand between the directory and the end of a large archive.
    constexpr std::size_t kZip64 = 76;
    const std::uint64_t end = directory_.end_record;
    const bool large =
        end >= kZip64 && text_.substr(static_cast<std::size_t>(end) - 20).starts_with("PK\6\7");
    if (directory_.end != (large ? end - kZip64 : end)) {
      Add("the zip directory does not end where the end record begins, so that readers find it at two "
          "places");
    }
    const auto comment = static_cast<std::size_t>(static_cast<unsigned char>(text_[end + 20])) |
                         static_cast<std::size_t>(static_cast<unsigned char>(text_[end + 21])) << 8;
    if (end + kEndRecordSize + comment != text_.size())
      Add("the file does not end where the zip archive ends");
    const std::size_t other = text_.find("PK\5\6", static_cast<std::size_t>(directory_.begin));
    if (other != end) Add("the file has more than one end record, so that readers find two zip directories");
  }

  void CheckNames() {
    std::map<std::string, const Entry*> names;
    std::set<std::string_view> models;
    for (const Entry& entry : directory_.entries) {
      const auto [found, added] = names.try_emplace(LowerCase(entry.name), &entry);
      if (!added) {
        Add(fmt::format("its name differs in case only from that of {}, and PyTorch does not tell them apart",
                        found->second->name),
            &entry);
      }
      const std::size_t slash = entry.name.find('/');
      const std::string_view name =
          std::string_view(entry.name).substr(slash == std::string::npos ? 0 : slash + 1);
      if (name == "data.pkl") models.insert(std::string_view(entry.name).substr(0, slash + 1));
    }
    for (const std::string_view model : models) {
      if (model != root_)
        Add(fmt::format("there is a second model in the folder {}, beside that in {}", model, root_));
    }
  }

  void CheckRecord(const Entry& entry) {
    const std::string_view name = entry.name;
    if (name.starts_with('/') || name.find('\\') != name.npos || name.starts_with("../") ||
        name.find("/../") != name.npos || (name.size() > 1 && name[1] == ':')) {
      Add("its name leads out of the folder in which the archive is unpacked", &entry);
    }
    if (entry.encrypted()) Add("it is encrypted", &entry);
    if (entry.patch()) Add("it is marked as a patch of another file", &entry);
    if (entry.folder && entry.size != 0) Add("it is marked as a folder, and has bytes", &entry);
    if (entry.method != 0 && !entry.deflated()) {
      Add(fmt::format("it is compressed with method {}, which PyTorch does not read", entry.method), &entry);
    }
    const auto located = LocateRecord(bytes_, entry);
    if (!located) {
      Add(located.error().what(), &entry);
      return;
    }
    const auto begin = static_cast<std::uint64_t>(located->data() - bytes_.data());
    spans_.push_back({entry.header_offset, begin + entry.compressed_size, &entry});
  }

  // Bytes that belong to no record, and those that belong to two.
  void CheckGaps() {
    constexpr std::uint64_t kDescriptor = 24;  // at most, behind records with bit 3
    std::ranges::sort(spans_, {}, [](const Span& span) { return std::pair(span.begin, span.end); });
    std::uint64_t end = 0, unused = 0;
    bool described = false;
    const auto gap = [&](std::uint64_t next) {
      if (next > end && next - end > (described ? kDescriptor : 0)) unused += next - end;
    };
    if (!spans_.empty() && spans_.front().begin > 0) {
      Add(fmt::format("there are {} bytes in front of the first record, where other readers begin",
                      spans_.front().begin));
      end = spans_.front().begin;
    }
    for (const Span& span : spans_) {
      if (span.begin < end) Add("its bytes belong to another record, too", span.entry);
      gap(span.begin);
      if (span.end <= end) continue;
      end = span.end;
      described = (span.entry->flags & 8u) != 0;
    }
    gap(directory_.begin);
    if (unused != 0 && spans_.size() == directory_.entries.size()) {
      Add(fmt::format("{} bytes between the records belong to none of them", unused));
    }
  }

  struct Span {
    std::uint64_t begin = 0, end = 0;
    const Entry* entry = nullptr;
  };

  const Directory& directory_;
  const std::string& root_;
  std::span<const std::byte> bytes_;
  std::string_view text_;
  std::vector<Span> spans_;
  std::vector<Oddity> oddities_;
};

}  // namespace

std::vector<Oddity> FindOddities(const Archive& archive) { return Finder(archive).Run(); }

}  // namespace octavo::archive
