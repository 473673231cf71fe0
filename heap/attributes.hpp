// What compilers are told of functions beyond what the language has.
#pragma once

#ifdef __clang__
// Called so seldom that its size is what counts.
#define SLAB_COLD [[gnu::cold, clang::minsize]]
// Reads, on purpose, what another thread may be writing: ThreadSanitizer is not to watch.
#define SLAB_LOOKS_ON [[clang::no_sanitize("thread")]]
#else
#define SLAB_COLD [[gnu::cold]]
#define SLAB_LOOKS_ON
#endif
