#include <array>
#include <optional>
#include <vector>

#include <libdeflate.h>

#include "octavo/fuzz/bytes.h"
#include "octavo/fuzz/mutators.h"

namespace octavo::fuzz {
namespace {

constexpr std::size_t kMaxRecordBytes = 1 << 22;

struct Record {
  std::string name, data;
  bool deflated = false;
};

std::optional<std::string> Inflated(std::string_view data, std::size_t size) {
  std::string out(size, '\0');
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const auto result =
      libdeflate_deflate_decompress(decompressor, data.data(), data.size(), out.data(), size, nullptr);
  libdeflate_free_decompressor(decompressor);
  if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
  return out;
}

std::string Deflated(std::string_view data) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(1);
  std::string out(libdeflate_deflate_compress_bound(compressor, data.size()), '\0');
  out.resize(libdeflate_deflate_compress(compressor, data.data(), data.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

// The records in the directory's order; nullopt for anything but a plain archive without ZIP64.
std::optional<std::vector<Record>> Records(std::string_view zip) {
  const std::size_t end = zip.rfind("PK\5\6");
  if (end == std::string_view::npos || zip.size() - end < 22) return std::nullopt;
  std::size_t at = LittleEndian(zip.substr(end + 16, 4));
  std::vector<Record> records;
  for (std::size_t i = LittleEndian(zip.substr(end + 10, 2)); i > 0; --i) {
    if (at > zip.size() || zip.size() - at < 46 || !zip.substr(at).starts_with("PK\1\2")) return std::nullopt;
    const std::string_view entry = zip.substr(at);
    const std::size_t method = LittleEndian(entry.substr(10, 2)), packed = LittleEndian(entry.substr(20, 4)),
                      size = LittleEndian(entry.substr(24, 4)), name = LittleEndian(entry.substr(28, 2)),
                      local = LittleEndian(entry.substr(42, 4));
    const std::size_t entry_size =
        46 + name + LittleEndian(entry.substr(30, 2)) + LittleEndian(entry.substr(32, 2));
    if (entry.size() < entry_size || local > zip.size() || zip.size() - local < 30) return std::nullopt;
    const std::size_t begin =
        local + 30 + LittleEndian(zip.substr(local + 26, 2)) + LittleEndian(zip.substr(local + 28, 2));
    if (begin > zip.size() || zip.size() - begin < packed || size > kMaxRecordBytes) return std::nullopt;
    Record record{.name = std::string(entry.substr(46, name)),
                  .data = std::string(zip.substr(begin, packed)),
                  .deflated = method == 8};
    if (record.deflated) {
      auto inflated = Inflated(record.data, size);
      if (!inflated) return std::nullopt;
      record.data = *std::move(inflated);
    }
    records.push_back(std::move(record));
    at += entry_size;
  }
  return records;
}

// Of a header: flags, method, time, date, checksum, sizes, the name's length, and no extra field.
std::string HeaderFields(const Record& record, std::size_t packed) {
  std::string out;
  PutLittleEndian(out, 0, 2);
  PutLittleEndian(out, record.deflated ? 8 : 0, 2);
  PutLittleEndian(out, 0, 4);
  PutLittleEndian(out, libdeflate_crc32(0, record.data.data(), record.data.size()), 4);
  PutLittleEndian(out, packed, 4);
  PutLittleEndian(out, record.data.size(), 4);
  PutLittleEndian(out, record.name.size(), 2);
  PutLittleEndian(out, 0, 2);
  return out;
}

constexpr std::array<std::uint64_t, 10> kWrongNumbers = {0,     1,      8,          0x20,       0x41,
                                                         0x800, 0xffff, 0x7fffffff, 0xfffffff0, 0xffffffff};

// `wrong`: one number of a header is not what it should be.
std::string Zip(const std::vector<Record>& records, bool wrong, Dice& dice) {
  std::string out, directory;
  const std::size_t wrong_record = wrong ? dice.Below(records.size() + 1) : records.size() + 1;
  // Where the fields of both headers lie in HeaderFields, and how long they are.
  constexpr std::pair<std::size_t, int> kFields[] = {{0, 2},  {2, 2},  {8, 4}, {12, 4},
                                                     {16, 4}, {20, 2}, {22, 2}};
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    const std::string packed = record.deflated ? Deflated(record.data) : record.data;
    std::string fields = HeaderFields(record, packed.size()), local = fields, local_name = record.name;
    std::uint64_t offset = out.size();
    if (i == wrong_record) {
      const auto [at, size] = dice.Pick(kFields);
      std::string number;
      PutLittleEndian(number, dice.Pick(kWrongNumbers), size);
      switch (dice.Below(5)) {
        case 0:
          fields.replace(at, number.size(), number);
          break;
        case 1:
          local.replace(at, number.size(), number);
          break;
        case 2:
          fields.replace(at, number.size(), number);
          local.replace(at, number.size(), number);
          break;
        case 3:
          local_name = dice.Bytes(local_name, local_name.size());
          local_name.resize(record.name.size(), 'x');
          break;
        default:
          offset = dice.Pick(kWrongNumbers);
      }
    }
    out.append("PK\3\4\x14\0", 6).append(local).append(local_name).append(packed);
    directory.append("PK\1\2\x14\0\x14\0", 8).append(fields);
    PutLittleEndian(directory, 0, 8);
    PutLittleEndian(directory, 0, 2);
    PutLittleEndian(directory, offset, 4);
    directory += record.name;
  }
  std::string end = "PK\5\6";
  PutLittleEndian(end, 0, 4);
  PutLittleEndian(end, records.size(), 2);
  PutLittleEndian(end, records.size(), 2);
  PutLittleEndian(end, directory.size(), 4);
  PutLittleEndian(end, out.size(), 4);
  PutLittleEndian(end, 0, 2);
  if (wrong && wrong_record == records.size()) end = end.substr(0, 4) + dice.Bytes(end.substr(4), 18);
  return out + directory + end;
}

bool IsText(std::string_view name) {
  return name.ends_with(".py") || name.ends_with("version") || name.find("/extra/") != std::string_view::npos;
}

std::string MutatedRecord(const Record& record, Words words, Dice& dice) {
  if (IsText(record.name)) return MutateText(record.data, words, dice);
  if (record.name.ends_with("pkl")) return MutatePickle(record.data, dice);
  if (record.name.ends_with(".npy")) return MutateNpy(record.data, dice);
  return dice.Bytes(record.data, record.data.size() + 64);
}

// Code and data.pkl say what a model is; the elements of its tensors hardly matter.
std::size_t PickRecord(const std::vector<Record>& records, Dice& dice) {
  std::size_t i = 0;
  for (int tries = 0; tries < 4; ++tries) {
    i = dice.Below(records.size());
    const std::string_view name = records[i].name;
    if (name.ends_with(".py") || name.ends_with("data.pkl") || name.ends_with(".npy")) break;
  }
  return i;
}

std::string NewName(const std::vector<Record>& records, std::size_t i, Dice& dice) {
  std::string name = records[i].name;
  const std::size_t root = name.find('/');
  switch (dice.Below(6)) {
    case 0:
      return records[dice.Below(records.size())].name;
    case 1: {
      char& c = name[dice.Below(name.size())];
      c = static_cast<char>(std::islower(static_cast<unsigned char>(c)) != 0 ? c - 32 : c);
      return name;
    }
    case 2:
      return "other" + name.substr(root == std::string::npos ? 0 : root);
    case 3:
      return name.substr(root == std::string::npos ? 0 : root + 1);
    case 4:
      return "../" + name;
    default:
      return dice.Bytes(name, name.size() + 16);
  }
}

void MutateRecords(std::vector<Record>& records, Words words, Dice& dice) {
  const std::size_t i = PickRecord(records, dice), other = dice.Below(records.size());
  switch (dice.Below(24)) {
    case 0:
      if (!records[i].name.empty()) records[i].name = NewName(records, i, dice);
      break;
    case 1:
      records.erase(records.begin() + static_cast<std::ptrdiff_t>(other));
      break;
    case 2: {
      Record copy = records[i];
      if (dice.OneIn(2)) copy.data = MutatedRecord(copy, words, dice);
      records.insert(records.begin() + static_cast<std::ptrdiff_t>(other), std::move(copy));
      break;
    }
    case 3:
      std::swap(records[i], records[other]);
      break;
    case 4:
      std::swap(records[i].data, records[other].data);
      break;
    case 5:
      records[i].deflated = !records[i].deflated;
      break;
    default:
      records[i].data = MutatedRecord(records[i], words, dice);
  }
}

}  // namespace

std::string MutateZip(std::string_view zip, Words words, Dice& dice) {
  auto records = Records(zip);
  if (!records || records->empty() || dice.OneIn(64)) return dice.Bytes(std::string(zip), zip.size() + 64);
  do {
    MutateRecords(*records, words, dice);
  } while (!records->empty() && dice.OneIn(3));
  return Zip(*records, dice.OneIn(16), dice);
}

std::string CrossZips(std::string_view zip, std::string_view other, Dice& dice) {
  auto records = Records(zip);
  const auto others = Records(other);
  if (!records || !others || records->empty() || others->empty()) return std::string(other);
  const Record& from = (*others)[PickRecord(*others, dice)];
  const auto kind = [](const Record& record) { return record.name.substr(record.name.rfind('.') + 1); };
  std::vector<std::size_t> same;
  for (std::size_t i = 0; i < records->size(); ++i) {
    if (kind((*records)[i]) == kind(from)) same.push_back(i);
  }
  if (same.empty() || dice.OneIn(4)) {
    records->push_back(from);
  } else {
    (*records)[dice.Pick(same)].data = from.data;
  }
  return Zip(*records, false, dice);
}

}  // namespace octavo::fuzz
