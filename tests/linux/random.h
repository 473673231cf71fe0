// What the random tests share: numbers from a seed, and what is said of each call. Unless it is to be said in
// full it is only summed up, so that the sums of two systems can be compared.
#ifndef RANDOM_H
#define RANDOM_H
#include "check.h"
#include "error_name.h"
#include <stdarg.h>
#include <stdint.h>

static uint64_t state;
static inline uint64_t next(void) {  // splitmix64
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
static inline unsigned below(unsigned limit) { return (unsigned)(next() % limit); }
#define ONE_OF(list) ((list)[below(sizeof(list) / sizeof(*(list)))])

static int is_full;
static uint32_t summed;
static inline void say(char const* format, ...) {
    char line[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    for (char const* at = line; *at; ++at) summed = summed * 31 + (unsigned char)*at;
    if (is_full) fputs(line, stdout);
}
static inline void show_bytes_of(char const* bytes, long count) {
    uint32_t sum = 0;
    for (long i = 0; i < count; ++i) sum = sum * 31 + (unsigned char)bytes[i];
    if (count > 0) say("  %08x\n", sum);
}

// `check SEED SEEDS CALLS`: so many seeds from that one on, in full. Without arguments a few, summed up.
struct span {
    uint64_t first, end;
    int calls;
};
static inline struct span parse_span(int count, char** words, int usual_calls) {
    struct span span = {1, 4, usual_calls};
    is_full = count > 1;
    if (count > 1) span.first = strtoull(words[1], NULL, 10);
    if (count > 1) span.end = span.first + (count > 2 ? strtoull(words[2], NULL, 10) : 3);
    if (count > 3) span.calls = atoi(words[3]);
    return span;
}
static inline void begin_call(uint64_t seed, int call) {
    if (call % 100 == 0 && !is_full) printf("seed %d, call %d: %08x\n", (int)seed, call, summed);
    say("%d ", call);
}
static inline void end_seed(uint64_t seed) {
    if (!is_full) printf("seed %d: %08x\n", (int)seed, summed);
}
#endif
