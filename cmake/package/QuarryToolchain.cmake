# A toolchain for programs that run in Quarry: the system's own compiler, static linking, and Quarry as what
# runs them, so that `ctest` runs a project's tests there.
#   cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=…/cmake/package/QuarryToolchain.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
get_filename_component(QUARRY_ROOT "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(CMAKE_CROSSCOMPILING_EMULATOR "${QUARRY_ROOT}/tools/quarry;run;--bare;--quiet")
list(APPEND CMAKE_PREFIX_PATH "${CMAKE_CURRENT_LIST_DIR}")
