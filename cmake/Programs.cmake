# Programs for Quarry: each file is one. They go into the boot archive without debug information but with
# their symbols, which the kernel's reports use.
set(program_linker_script ${CMAKE_SOURCE_DIR}/user/rt/program.ld)
set(program_directory ${CMAKE_BINARY_DIR}/archive)
set(test_program_directory ${CMAKE_BINARY_DIR}/archive-tests)
set_property(GLOBAL PROPERTY QUARRY_PROGRAMS "")

# add_program(name sources…), or add_test_program for one that only the tests run.
function(add_program name)
  add_program_in(${program_directory} ${name} ${ARGN})
endfunction()
function(add_test_program name)
  add_program_in(${test_program_directory} ${name} ${ARGN})
endfunction()

function(add_program_in directory name)
  add_executable(program_${name} ${ARGN})
  target_link_libraries(program_${name} PRIVATE quarry_rt)
  target_compile_options(program_${name} PRIVATE $<IF:$<CONFIG:Debug>,-O1,-O2>)
  target_link_options(program_${name} PRIVATE -Wl,-T,${program_linker_script})
  set_target_properties(program_${name} PROPERTIES LINK_DEPENDS ${program_linker_script})
  add_custom_command(TARGET program_${name} POST_BUILD
    COMMAND llvm-strip-19 --strip-debug -o ${directory}/${name}
            $<TARGET_FILE:program_${name}> VERBATIM)
  set_property(GLOBAL APPEND PROPERTY QUARRY_PROGRAMS program_${name})
endfunction()

file(MAKE_DIRECTORY ${program_directory} ${test_program_directory})
