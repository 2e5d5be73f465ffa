#include "octavo/driver/audit.h"
#include "octavo/driver/fuzz_testing.h"

// Any file is audited or refused, and a second audit finds the same.  Corpus to start from:
// tests/data/fuzz/audit.
namespace {

using namespace octavo;
using namespace octavo::driver;

std::string MutateFile(std::string_view file, fuzz::Dice& dice) {
  if (file.starts_with("PK")) return fuzz::MutateZip(file, {}, dice);
  return file.starts_with('\x80') ? fuzz::MutatePickle(file, dice) : fuzz::MutateOnnx(file, {}, dice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  const Result<Audit> audit = AuditFile(file.path(), SmallLimits());
  if (!Succeeds(audit)) return 0;
  Require(!audit->format.empty());
  const Result<Audit> again = AuditFile(file.path(), SmallLimits());
  Require(again && again->findings.size() == audit->findings.size());
  for (const Finding& finding : audit->findings) Require(!finding.what.empty());
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return fuzz::Mutate(data, size, max_size, seed, MutateFile);
}
