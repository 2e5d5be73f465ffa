#include "octavo/onnxruntime_process/process.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "octavo/onnxruntime_process/onnxruntime.h"

namespace octavo::onnxruntime_process {
namespace {

Result<std::unique_ptr<Process>> Shell(const std::string& script) {
  return Process::Start("/bin/sh", {"-c", script}, "/");
}

TEST(Process, AnswersLines) {
  const auto process = Shell("while read line <&3; do echo \"<$line>\" >&3; echo noise; done");
  ASSERT_TRUE(process);
  for (const char* text : {"one", "two three", ""}) {
    ASSERT_TRUE((*process)->Send(text));
    EXPECT_EQ(*(*process)->Receive(), std::string("<") + text + ">");
  }
  EXPECT_TRUE((*process)->alive());
}

TEST(Process, KeepsLinesThatComeTogether) {
  const auto process = Shell("printf 'one\\ntwo\\nthr' >&3; sleep 0.1; printf 'ee\\n' >&3; sleep 1000");
  ASSERT_TRUE(process);
  for (const char* text : {"one", "two", "three"}) EXPECT_EQ(*(*process)->Receive(), text);
}

TEST(Process, SaysHowItEnded) {
  for (const auto& [script, says] :
       {std::pair("echo why; exit 3", "exit code 3"), std::pair("kill -9 $$", "signal 9")}) {
    const auto process = Shell(script);
    ASSERT_TRUE(process);
    const auto line = (*process)->Receive();
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(line.error().what().find(says), std::string::npos) << line.error().what();
    EXPECT_FALSE((*process)->alive());
    EXPECT_FALSE((*process)->Send("more"));
  }
}

TEST(Process, HasNoPythonVariables) {
  setenv("PYTHONPATH", "/tmp", 1);
  const auto process = Shell("echo \"${PYTHONPATH-none} $TMPDIR $(pwd)\" >&3");
  unsetenv("PYTHONPATH");
  ASSERT_TRUE(process);
  EXPECT_EQ(*(*process)->Receive(), "none / /");
}

TEST(Process, FailsToStart) {
  EXPECT_EQ(Process::Start("/no/such/program", {}, "/").error().code(), ErrorCode::kIo);
  EXPECT_EQ(Process::Start("/bin/sh", {}, "/no/such/folder").error().code(), ErrorCode::kIo);
}

TEST(FindProgram, LooksInAbsoluteFolders) {
  EXPECT_EQ(*FindProgram("/bin/sh"), "/bin/sh");
  EXPECT_TRUE(FindProgram("sh")->is_absolute());
  for (const char* name : {"", "no-such-program", "/no/such/program", "/etc/passwd", "/bin"}) {
    const auto program = FindProgram(name);
    ASSERT_FALSE(program) << name;
    EXPECT_EQ(program.error().code(), ErrorCode::kIo);
  }
}

TEST(Description, NamesProviders) {
  const Description description{
      .version = "1.2.3", .providers = {"CPUExecutionProvider", "Other"}, .python = "", .executable = ""};
  EXPECT_EQ(description.ToString(), "onnxruntime 1.2.3 (CPU, Other)");
}

}  // namespace
}  // namespace octavo::onnxruntime_process
