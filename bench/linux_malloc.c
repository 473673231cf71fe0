// One allocation benchmark for every malloc, on Linux and in Quarry, counted between markers
// (bench/count_plugin.c): small blocks in random order, a table that grows, and a program's data built
// up and given back. Says how many pages it took at its peak.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MARK(id, end) \
    __asm__ volatile("nopl %c0(%%rax,%%rax,1)" : : "i"(0x4b500000 | (id) << 1 | (end)) : "memory")

enum { SLOTS = 4096, CHANGES = 200000, TABLE_MIB = 24, RECORDS = 60000 };

static void* slots[SLOTS];
static uint64_t state = 1;
static uint64_t next(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

static void change(void) {
    for (int i = 0; i < CHANGES; ++i) {
        uint64_t const slot = next() % SLOTS;
        free(slots[slot]);
        size_t const bytes = 16 + next() % 500;
        char* const block = malloc(bytes);
        if (block == NULL) exit(1);
        block[0] = block[bytes - 1] = 1;
        slots[slot] = block;
    }
    for (int i = 0; i < SLOTS; ++i) {
        free(slots[i]);
        slots[i] = NULL;
    }
}
static void grow(void) {
    char* table = NULL;
    for (size_t mib = 1; mib <= TABLE_MIB; ++mib) {
        table = realloc(table, mib << 20);
        if (table == NULL) exit(1);
        for (size_t at = (mib - 1) << 20; at < mib << 20; at += 512) table[at] = 1;
    }
    free(table);
}
static struct record { struct record* before; char text[40]; } *last;
static void build(void) {
    for (int i = 0; i < RECORDS; ++i) {
        struct record* const record = malloc(sizeof(*record) + next() % 60);
        if (record == NULL) exit(1);
        record->before = last;
        memset(record->text, 1, sizeof(record->text));
        last = record;
    }
}
static void give_back(void) {
    while (last != NULL) {
        struct record* const record = last;
        last = record->before;
        free(record);
    }
}
// Pages that the machine has less since the start. Linux's own count of free pages leaves out some thousand
// on lists of each processor: there, the pages that the program has are counted, and tables are not.
static int in_quarry(void) { return getauxval(0x51554152) != 0; }
static long resident(char* from, char* to) {
    static unsigned char in[16384];
    long count = 0;
    for (size_t part = sizeof(in) * 4096; from < to; from += part) {
        if ((size_t)(to - from) < part) part = (size_t)(to - from);
        if (mincore(from, part, in) != 0) continue;
        for (size_t i = 0; i < part / 4096; ++i) count += in[i] & 1;
    }
    return count;
}
static long pages_in_use(void) {
    if (in_quarry()) {
        struct sysinfo info;
        sysinfo(&info);
        return -(long)(info.freeram * info.mem_unit / 4096);
    }
    static char text[65536];
    int const maps = open("/proc/self/maps", O_RDONLY);
    size_t used = 0;
    for (ssize_t got; (got = read(maps, text + used, sizeof(text) - 1 - used)) > 0; used += (size_t)got) continue;
    close(maps);
    long count = 0;
    for (char* line = text; *line != 0; line = strchr(line, '\n') + 1) {
        char* end = NULL;
        char* const from = (char*)strtoul(line, &end, 16);
        char* const to = (char*)strtoul(end + 1, &end, 16);
        if (end[2] == 'w' && end[4] == 'p') count += resident(from, to);
    }
    return count;
}

int main(void) {
    if (!in_quarry()) {
        mkdir("/proc", 0555);
        mount("proc", "/proc", "proc", 0, NULL);
    }
    long const before = pages_in_use();
    MARK(60, 0);
    change();
    grow();
    build();
    MARK(60, 1);
    long const peak = pages_in_use();
    MARK(61, 0);
    give_back();
    MARK(61, 1);
    printf("\npages %ld\nmeasured\n", peak - before);
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return 0;
}
