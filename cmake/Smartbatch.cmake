# How every target of the project is made: warnings, sanitizers, include root.
#
#   smartbatch_library(NAME SOURCES a.cc ... LINKS target ... [OPTIMIZED])
#   smartbatch_program(NAME SOURCES main.cc ... LINKS target ... [OPTIMIZED])
#   smartbatch_test(NAME SOURCES a_test.cc ... LINKS target ... [LABELS quick|slow|long] [TIMEOUT seconds] [SERIAL]
#                   [OPTIMIZED])
#     OPTIMIZED: long tests spend their time in it, so a preset with sanitizers optimizes it. Such a preset does not
#     optimize the rest, which takes longer to compile than to run.
#     SERIAL: no other test runs beside its tests, which need the whole machine.
#
# The edges of docs/ARCHITECTURE.md are the LINKS of these calls; tests/boundaries checks
# that the sources include nothing beyond them.

add_library(smartbatch_options INTERFACE)
target_include_directories(smartbatch_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(smartbatch_options INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(smartbatch_options INTERFACE -Wthread-safety)
endif()
if(SMARTBATCH_WARNINGS_AS_ERRORS)
  target_compile_options(smartbatch_options INTERFACE -Werror)
endif()
if(SMARTBATCH_SANITIZE)
  add_compile_options(-fsanitize=${SMARTBATCH_SANITIZE} -fno-omit-frame-pointer)
  # With a sanitizer GCC 12 believes that the value of an empty std::optional is read.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${SMARTBATCH_SANITIZE})
endif()

function(smartbatch_optimize name optimized)
  if(SMARTBATCH_SANITIZE AND optimized)
    target_compile_options(${name} PRIVATE -O1)
  endif()
endfunction()

function(smartbatch_library name)
  cmake_parse_arguments(ARG "OPTIMIZED" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  smartbatch_optimize(${name} ${ARG_OPTIMIZED})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE smartbatch_options)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

function(smartbatch_program name)
  cmake_parse_arguments(ARG "OPTIMIZED" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  smartbatch_optimize(${name} ${ARG_OPTIMIZED})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} smartbatch_options)
  # Addresses that are resolved at the start cannot be overwritten later.
  target_link_options(${name} PRIVATE LINKER:-z,relro,-z,now)
endfunction()

function(smartbatch_test name)
  cmake_parse_arguments(ARG "SERIAL;OPTIMIZED" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  smartbatch_optimize(${name} ${ARG_OPTIMIZED})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gmock_main smartbatch_options)
  # Tests compile in a quarter to a third less time; the code that they test is optimized all the same.
  if(NOT SMARTBATCH_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT ARG_LABELS)
    set(ARG_LABELS quick)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  # ctest starts the most expensive tests first, so that the slow ones are not alone at the end.
  set(cost 1)
  if(NOT quick IN_LIST ARG_LABELS)
    set(cost 50)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${ARG_SERIAL} COST ${cost})
endfunction()

# smartbatch_embed(NAME NAMESPACE FILE...): a library NAME and a header NAME.h with each file's text as a C string,
# named after it: page/live.js is NAMESPACE::kLiveJs. A changed file is embedded again. The texts must not hold
# `)embedded"`.
function(smartbatch_embed name namespace)
  set(declarations "")
  set(definitions "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(base ${file} NAME)
    string(REGEX MATCHALL "[A-Za-z0-9]+" words "${base}")
    set(constant k)
    foreach(word ${words})
      string(SUBSTRING ${word} 0 1 first)
      string(SUBSTRING ${word} 1 -1 rest)
      string(TOUPPER ${first} first)
      string(APPEND constant ${first}${rest})
    endforeach()
    file(READ ${file} text)
    string(APPEND declarations "extern const char ${constant}[];\n")
    string(APPEND definitions "const char ${constant}[] = R\"embedded(${text})embedded\";\n")
  endforeach()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  file(CONFIGURE OUTPUT ${folder}/${name}.h CONTENT
    "#pragma once\nnamespace @namespace@ {\n@declarations@}\n" @ONLY)
  file(CONFIGURE OUTPUT ${folder}/${name}.cc CONTENT
    "#include \"${name}.h\"\nnamespace @namespace@ {\n@definitions@}\n" @ONLY)
  smartbatch_library(${name} SOURCES ${folder}/${name}.cc)
  target_include_directories(${name} PUBLIC ${folder})
endfunction()
