#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace octavo::cli {

// On a terminal, says on standard error what is being done once the work has taken over a second, and clears
// the line when it ends.
class Progress {
 public:
  Progress(bool wanted, std::string subject);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // `share`: of the stage that is done, 0 to 1; less than 0: not known.
  void Stage(std::string_view stage, double share);

 private:
  void Show();
  std::string Line(std::int64_t seconds) const;
  std::string subject_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stage_;
  double share_ = -1;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace octavo::cli
