# Freestanding C++ over libc++'s headers, for the kernel and for native programs.

find_path(LIBCXX_HEADERS __config_version PATHS /usr/lib/llvm-19/include/c++/v1 NO_DEFAULT_PATH)
if(NOT EXISTS /usr/lib/llvm-19/include/c++/v1/version)
  message(FATAL_ERROR "libc++-19-dev is missing: run `make setup`")
endif()

set(freestanding_flags --target=x86_64-unknown-none-elf -fno-pic
  -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -ffunction-sections -fdata-sections -g)
set(freestanding_cxx_flags -fno-exceptions -fno-rtti -fno-threadsafe-statics -nostdinc++
  -nostdlibinc
  "SHELL:-isystem ${CMAKE_SOURCE_DIR}/base/freestanding/config"
  "SHELL:-isystem /usr/lib/llvm-19/include/c++/v1"
  "SHELL:-isystem ${CMAKE_SOURCE_DIR}/base/freestanding/libc")
# No floating point. -mgeneral-regs-only would be the flag, but <limits> does not compile with it; a
# check over the disassembly confirms the result.
set(no_vector_flags -msoft-float -mno-mmx -mno-sse -mno-sse2 -mno-avx)

add_library(quarry_freestanding INTERFACE)
target_compile_options(quarry_freestanding INTERFACE ${freestanding_flags}
  $<$<COMPILE_LANGUAGE:CXX>:${freestanding_cxx_flags}>)
# The driver for a bare target would call gcc to link; this one calls lld itself.
target_link_options(quarry_freestanding INTERFACE --target=x86_64-linux-gnu -nostdlib -static
  -fuse-ld=lld -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096)
target_link_libraries(quarry_freestanding INTERFACE quarry_warnings)

add_library(quarry_kernel_flags INTERFACE)
target_compile_options(quarry_kernel_flags INTERFACE -ffreestanding ${no_vector_flags} -mcmodel=kernel -mno-red-zone
  -fstack-protector-strong -mstack-protector-guard=global)
target_link_libraries(quarry_kernel_flags INTERFACE quarry_freestanding)
