# One target a folder of src/octavo.  octavo_library(NAME USES a b LIBRARIES x y) makes the static library
# octavo_NAME from the folder's sources, the program NAME_test from its *_test.cc, and a check that no source
# includes a folder that is not listed under USES.  A file that is added to a folder is picked up by itself;
# FOLDERS names folders below it that belong to the same target.
#
# The presets compile ten sources at a time, which takes a third of the time: names in the anonymous namespaces of a
# folder's sources, and of its tests, differ.  CMAKE_UNITY_BUILD=OFF gives an object for each source.

add_library(octavo_options INTERFACE)
target_compile_definitions(octavo_options INTERFACE OCTAVO_VERSION="${PROJECT_VERSION}")
# -ffp-contract=off: each operation rounds by itself, as PyTorch and ONNX Runtime's do.
target_compile_options(octavo_options INTERFACE -ffp-contract=off -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor
                       -Wold-style-cast -Wcast-qual -Wimplicit-fallthrough -Wno-missing-field-initializers
                       # GCC 12 warns wrongly of "literal" + std::string (its bug 105329); Clang 14 of a defaulted <=>.
                       $<IF:$<CXX_COMPILER_ID:Clang>,-Wno-zero-as-null-pointer-constant,-Wzero-as-null-pointer-constant>
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_include_directories(octavo_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

# For the sanitizers' build, where the headers of others that nearly every source includes are a third of the time.
# Not for others: GCC 12 forgets that a precompiled header is a system's, and warns wrongly of what is in it.  Every
# source includes what it uses all the same.
option(OCTAVO_PRECOMPILE "Parse the common headers once" OFF)
if(OCTAVO_PRECOMPILE)
  set(common_headers <algorithm> <array> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional> <span>
      <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
  file(WRITE ${PROJECT_BINARY_DIR}/precompiled.cc "")
  add_library(octavo_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(octavo_precompiled PRIVATE octavo_options tl::expected fmt::fmt)
  target_precompile_headers(octavo_precompiled PRIVATE ${common_headers})
  if(OCTAVO_BUILD_TESTS)
    # A program, as the tests are: its code's position is another matter than a library's.
    file(WRITE ${PROJECT_BINARY_DIR}/precompiled_test.cc "int main() {}\n")
    add_executable(octavo_precompiled_test EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/precompiled_test.cc)
    target_link_libraries(octavo_precompiled_test PRIVATE octavo_options tl::expected fmt::fmt GTest::gtest GTest::gmock)
    target_precompile_headers(octavo_precompiled_test PRIVATE ${common_headers} <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endif()

function(octavo_check_includes name sources allowed)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${name}.includes)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${name} "-DALLOWED=${allowed}" "-DSOURCES=${sources}" -DSTAMP=${stamp}
            -P ${PROJECT_SOURCE_DIR}/cmake/CheckIncludes.cmake
    DEPENDS ${sources} ${PROJECT_SOURCE_DIR}/cmake/CheckIncludes.cmake
    COMMENT "Checking which folders ${name} includes"
    VERBATIM)
  add_custom_target(octavo_${name}_includes ALL DEPENDS ${stamp})
endfunction()

function(octavo_library name)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES;TEST_USES;TEST_LIBRARIES;FOLDERS" ${ARGN})
  set(patterns *.cc *.h)
  foreach(folder ${ARG_FOLDERS})
    list(APPEND patterns ${folder}/*.cc ${folder}/*.h)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|_fuzz\\.cc$|_testing\\.(cc|h)$|/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$|_testing\\.(cc|h)$")
  add_library(octavo_${name} STATIC ${sources})
  target_link_libraries(octavo_${name} PUBLIC octavo_options tl::expected fmt::fmt ${ARG_LIBRARIES})
  foreach(used ${ARG_USES})
    target_link_libraries(octavo_${name} PUBLIC octavo_${used})
  endforeach()
  if(OCTAVO_PRECOMPILE)
    target_precompile_headers(octavo_${name} REUSE_FROM octavo_precompiled)
  endif()
  octavo_check_includes(${name} "${sources}" "${ARG_USES}")
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  set_property(GLOBAL APPEND PROPERTY OCTAVO_FUZZERS ${fuzzers})
  if(OCTAVO_BUILD_FUZZERS)
    foreach(fuzzer ${fuzzers})
      get_filename_component(program ${fuzzer} NAME_WE)
      add_executable(${program} ${fuzzer})
      target_link_libraries(${program} PRIVATE octavo_${name} octavo_fuzz)
      target_link_options(${program} PRIVATE -fsanitize=fuzzer)
      set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    endforeach()
  endif()
  if(OCTAVO_BUILD_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE octavo_${name} GTest::gtest_main GTest::gmock ${ARG_TEST_LIBRARIES})
    foreach(used ${ARG_TEST_USES})
      target_link_libraries(${name}_test PRIVATE octavo_${used})
    endforeach()
    target_compile_definitions(${name}_test PRIVATE OCTAVO_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # The tests' own loops are short; optimizing them would take longer than they run.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O0>)
    if(OCTAVO_PRECOMPILE)
      target_precompile_headers(${name}_test REUSE_FROM octavo_precompiled_test)
    endif()
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
