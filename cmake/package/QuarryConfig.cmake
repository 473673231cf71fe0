# find_package(Quarry): Quarry::heap, the slab heap for a static program, and
# quarry_program(target), which links a program with it and adds the target run_<target>: it runs in Quarry.
get_filename_component(QUARRY_ROOT "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(QUARRY_HEAP "${QUARRY_ROOT}/build/release/heap/libslab.a")
if(NOT EXISTS "${QUARRY_HEAP}")
  set(Quarry_FOUND FALSE)
  set(Quarry_NOT_FOUND_MESSAGE "Quarry is not built: run `make -C ${QUARRY_ROOT} release`")
  return()
endif()

if(NOT TARGET Quarry::heap)
  add_library(Quarry::heap STATIC IMPORTED)
  set_target_properties(Quarry::heap PROPERTIES IMPORTED_LOCATION "${QUARRY_HEAP}"
    INTERFACE_INCLUDE_DIRECTORIES "${QUARRY_ROOT}/heap")
endif()

function(quarry_program target)
  target_link_options(${target} PRIVATE -static)
  target_link_libraries(${target} PRIVATE Quarry::heap)
  add_custom_target(run_${target} COMMAND "${QUARRY_ROOT}/tools/quarry" run $<TARGET_FILE:${target}>
    DEPENDS ${target} USES_TERMINAL VERBATIM)
endfunction()
