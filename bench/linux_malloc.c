// One allocation benchmark for every malloc, on Linux and in Quarry, counted between markers
// (bench/count_plugin.c): small blocks in random order, a table that grows, and a program's data built
// up and given back. Says how many pages it took at its peak.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
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
static unsigned long free_pages(void) {
    struct sysinfo info;
    sysinfo(&info);
    return info.freeram * info.mem_unit / 4096;
}

int main(void) {
    unsigned long const before = free_pages();
    MARK(60, 0);
    change();
    grow();
    build();
    MARK(60, 1);
    unsigned long const peak = free_pages();
    MARK(61, 0);
    give_back();
    MARK(61, 1);
    printf("\npages %ld\nmeasured\n", (long)(before - peak));
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return 0;
}
