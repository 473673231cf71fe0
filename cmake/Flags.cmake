# Interface targets that carry compiler flags.

# Everything of ours: warnings are errors.
add_library(quarry_warnings INTERFACE)
target_compile_options(quarry_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Werror -Wshadow -Wconversion -Wimplicit-fallthrough
  -Wnon-virtual-dtor -Wold-style-cast -Wextra-semi -Wthread-safety -Wthread-safety-beta -Wconsumed
  -Wno-gnu-statement-expression>)
target_include_directories(quarry_warnings INTERFACE ${CMAKE_SOURCE_DIR})

# Raw pointer arithmetic is an error outside arch/, user/rt and heap's own pages.
add_library(quarry_safe_buffers INTERFACE)
target_compile_options(quarry_safe_buffers INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wunsafe-buffer-usage -Wno-unsafe-buffer-usage-in-container>)

# Hosted: libc++, so that the same headers are used on both sides.
add_library(quarry_hosted INTERFACE)
target_compile_options(quarry_hosted INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-stdlib=libc++>)
target_link_options(quarry_hosted INTERFACE -stdlib=libc++ -fuse-ld=lld)
target_link_libraries(quarry_hosted INTERFACE quarry_warnings)

add_library(quarry_threads INTERFACE)
target_compile_options(quarry_threads INTERFACE -fsanitize=thread -fno-omit-frame-pointer -O1 -g)
target_link_options(quarry_threads INTERFACE -fsanitize=thread)

add_library(quarry_sanitized INTERFACE)
target_compile_options(quarry_sanitized INTERFACE
  -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g)
target_link_options(quarry_sanitized INTERFACE -fsanitize=address,undefined)
