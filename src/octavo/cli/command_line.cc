#include "octavo/cli/command_line.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "octavo/cli/help.h"
#include "octavo/cli/suggest.h"

namespace octavo::cli {
namespace {

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
bool MayRepeat(const CLI::Option& option) {
  return !TakesValue(option) || option.get_items_expected_max() > option.get_type_size_max() ||
         option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

bool Asks(const std::vector<std::string>& words, std::string_view option) {
  const auto end = std::ranges::find(words, "--");
  return std::find(words.begin(), end, option) != end;
}

bool IsNumber(const std::string& word) {
  return word.size() > 1 && word[0] == '-' &&
         (std::isdigit(static_cast<unsigned char>(word[1])) != 0 || word[1] == '.');
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names = {"help"};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> LongOptions(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

class Reader {
 public:
  Reader(CLI::App& app, const std::vector<std::string>& words)
      : app_(app), words_(words), asks_for_help_(Asks(words, "--help") || Asks(words, "-h")) {}

  Result<CommandLine> Read() {
    for (next_ = 0; next_ < words_.size();) {
      const std::string& word = words_[next_++];
      if (only_files_ || word == "-" || !word.starts_with('-')) {
        OCTAVO_TRY(ReadWord(word));
      } else if (word == "--") {
        only_files_ = true;
      } else if (word.starts_with("--")) {
        OCTAVO_TRY(ReadLong(word));
      } else {
        OCTAVO_TRY(ReadShort(word));
      }
    }
    if (line_.help || line_.version) return std::move(line_);
    if (line_.command == nullptr) {
      if (words_.empty()) {
        line_.help = true;
        return std::move(line_);
      }
      return UsageError("a command is missing", Commands());
    }
    OCTAVO_TRY(CheckThatNothingIsMissing());
    std::vector<std::string>& arguments = line_.arguments;
    arguments.insert(arguments.begin(), line_.command->get_name());
    if (!files_.empty()) arguments.emplace_back("--");
    arguments.insert(arguments.end(), files_.begin(), files_.end());
    return std::move(line_);
  }

 private:
  std::string Program() const { return app_.get_name(); }
  std::string Scope() const {
    return line_.command == nullptr ? Program() : Program() + " " + line_.command->get_name();
  }
  std::string Commands() const { return fmt::format("`{} --help` lists the commands.", Program()); }

  // A request for help is answered, whatever else is wrong on the command line.
  Status Wrong(std::string message, std::string hint = {}) const {
    if (asks_for_help_) return {};
    if (hint.empty()) hint = fmt::format("See `{} --help`.", Scope());
    return UsageError(std::move(message), std::move(hint));
  }

  Status ReadWord(const std::string& word) {
    if (line_.command == nullptr) return ReadCommand(word);
    files_.push_back(word);
    std::size_t most = 0;
    for (const CLI::Option* option : line_.command->get_options()) most += option->get_positional() ? 1 : 0;
    if (files_.size() <= most) return {};
    return Wrong(fmt::format("unexpected argument \"{}\"", word),
                 fmt::format("Usage: {}\nSee `{} --help`.", Usage(*line_.command), Scope()));
  }

  Status ReadCommand(const std::string& word) {
    if (word == "help") {
      line_.help = asks_for_help_ = true;
      return {};
    }
    for (CLI::App* command : app_.get_subcommands([](CLI::App*) { return true; })) {
      if (command->get_name() != word) continue;
      line_.command = command;
      return {};
    }
    std::string message = fmt::format("unknown command \"{}\"", word);
    const std::string meant = Meant(word, CommandNames(app_));
    if (!meant.empty()) message += fmt::format(" (did you mean {}?)", meant);
    if (meant.empty() && word.find('.') != std::string::npos) {
      return UsageError(
          message, fmt::format("The command comes first: {} inspect {}. {}", Program(), word, Commands()));
    }
    return UsageError(message, Commands());
  }

  Status ReadLong(const std::string& word) {
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string name = word.substr(2, equals - 2);
    CLI::Option* option = Find([&](const CLI::Option& o) { return o.check_lname(name); });
    if (option == nullptr) return Unknown("--" + name);
    if (equals == word.size()) return Take(*option, "--" + name, std::nullopt);
    if (!TakesValue(*option)) return Wrong(fmt::format("--{} takes no value", name));
    return Take(*option, "--" + name, word.substr(equals + 1));
  }

  // -q, -qo FILE, -oFILE, -o=FILE.
  Status ReadShort(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name(1, word[i]);
      CLI::Option* option = Find([&](const CLI::Option& o) { return o.check_sname(name); });
      if (option == nullptr) return Unknown(i == 1 ? word : "-" + name);
      if (!TakesValue(*option) && i + 1 < word.size() && word[i + 1] == '=') {
        return Wrong(fmt::format("-{} takes no value", name));
      }
      if (!TakesValue(*option) || i + 1 == word.size()) {
        OCTAVO_TRY(Take(*option, "-" + name, std::nullopt));
        continue;
      }
      return Take(*option, "-" + name, word.substr(word[i + 1] == '=' ? i + 2 : i + 1));
    }
    return {};
  }

  template <typename Predicate>
  CLI::Option* Find(const Predicate& is_it) {
    CLI::App& scope = line_.command == nullptr ? app_ : *line_.command;
    for (CLI::Option* option : scope.get_options()) {
      if (is_it(*option)) return option;
    }
    return nullptr;
  }

  Status Unknown(const std::string& name) const {
    if (line_.command == nullptr) {
      for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_option_no_throw(name) != nullptr) {
          return Wrong(fmt::format("{} is an option of a command; put it after the command", name),
                       Commands());
        }
      }
    }
    const CLI::App& scope = line_.command == nullptr ? app_ : *line_.command;
    std::string message = fmt::format("unknown option {} of {}", name, Scope());
    const std::string meant = name.starts_with("--") ? Meant(name, LongOptions(scope)) : std::string();
    if (!meant.empty()) {
      return Wrong(message + fmt::format(" (did you mean {}?)", meant));
    }
    std::vector<std::string> others;
    for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_option_no_throw(name) != nullptr) others.push_back(command->get_name());
    }
    if (!others.empty()) message += fmt::format("; it is an option of {}", OneOf(others));
    return Wrong(message);
  }

  // `name` as it was written; `value`: what was behind its "=".
  Status Take(CLI::Option& option, const std::string& name, std::optional<std::string> value) {
    if (option.check_lname("help")) {
      line_.help = true;
      return {};
    }
    if (option.check_lname("version")) {
      line_.version = true;
      return {};
    }
    const std::string written = "--" + option.get_lnames().at(0);
    line_.arguments.push_back(written);
    if (!TakesValue(option)) return {};
    const std::string takes = fmt::format("{} takes a value: {} {}", name, name, option.get_type_name());
    if (!value) {
      if (next_ == words_.size()) return Wrong(takes);
      const std::string& word = words_[next_];
      const bool is_option = word.size() > 2 && word.starts_with("--");
      const bool is_short =
          word.size() == 2 && word[0] == '-' && !IsNumber(word) &&
          Find([&](const CLI::Option& o) { return o.check_sname(word.substr(1)); }) != nullptr;
      if (is_option || is_short || word == "--") {
        return Wrong(fmt::format("{}, and {} follows", takes, word));
      }
      ++next_;
      value = word;
    }
    if (value->empty()) return Wrong(takes);
    if (++given_[written] > 1 && !MayRepeat(option)) return Wrong(fmt::format("{} is given twice", name));
    line_.arguments.push_back(*value);
    return {};
  }

  Status CheckThatNothingIsMissing() const {
    std::vector<std::string> missing;
    std::size_t file = 0;
    for (const CLI::Option* option : line_.command->get_options()) {
      const bool given = option->get_positional() ? file++ < files_.size()
                                                  : given_.contains("--" + option->get_lnames().at(0));
      if (!given && option->get_required()) missing.push_back(ShortName(*option));
    }
    if (missing.empty()) return {};
    std::string text = missing[0];
    for (std::size_t i = 1; i < missing.size(); ++i)
      text += (i + 1 == missing.size() ? " and " : ", ") + missing[i];
    return Wrong(fmt::format("{} {} missing", text, missing.size() == 1 ? "is" : "are"),
                 fmt::format("Usage: {}\nSee `{} --help`.", Usage(*line_.command), Scope()));
  }

  CLI::App& app_;
  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  CommandLine line_;
  std::vector<std::string> files_;
  std::map<std::string, int> given_;  // by the option's first long name
  bool asks_for_help_ = false, only_files_ = false;
};

}  // namespace

Result<CommandLine> ReadCommandLine(CLI::App& app, const std::vector<std::string>& words) {
  return Reader(app, words).Read();
}

bool AsksForJson(const std::vector<std::string>& words) { return Asks(words, "--json"); }

}  // namespace octavo::cli
