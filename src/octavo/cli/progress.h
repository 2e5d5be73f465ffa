#pragma once

#include <condition_variable>
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
  void Stage(std::string_view stage);

 private:
  void Show();
  std::string subject_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stage_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace octavo::cli
