// A QEMU plugin that counts guest instructions between markers, in any ring.
//
// A marker is `nopl disp32(%rax,%rax,1)` with disp32 = 0x4b500000 | id << 1 | end. For each id the
// plugin prints how often the pair was met, and the least, median and greatest number of
// instructions between (a string instruction counted once, and raw: every iteration counted). With
// profile=ID also how often each address between that pair was executed.
//
// Debian's QEMU has plugins but ships no header; what is used of QEMU's plugin interface, version 1
// (QEMU documentation, "TCG Plugins"), is declared here.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translate_callback)(plugin_id, struct qemu_plugin_tb*);
typedef void (*execute_callback)(unsigned cpu, void* data);
typedef void (*exit_callback)(plugin_id, void* data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translate_callback);
extern size_t qemu_plugin_tb_n_insns(struct qemu_plugin_tb const*);
extern struct qemu_plugin_insn* qemu_plugin_tb_get_insn(struct qemu_plugin_tb const*, size_t);
extern void const* qemu_plugin_insn_data(struct qemu_plugin_insn const*);
extern size_t qemu_plugin_insn_size(struct qemu_plugin_insn const*);
extern uint64_t qemu_plugin_insn_vaddr(struct qemu_plugin_insn const*);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn*, int add_u64, void*,
                                                       uint64_t);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, execute_callback,
                                                   int no_registers, void* data);
extern void qemu_plugin_register_atexit_cb(plugin_id, exit_callback, void* data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { marker_count = 256, sample_limit = 4096 };

static uint64_t executed;        // every iteration of a string instruction counts
static uint64_t string_repeats;  // iterations after the first of each string instruction
static uint64_t last_string_at;  // `executed` when one last ran
static uint64_t last_string_pc;
static uint64_t first_marker_executed;
static uint64_t first_marker_repeats;
static FILE* out;

struct samples {
    uint64_t begin_executed, begin_repeats;
    bool open;
    size_t count;
    uint64_t once[sample_limit], raw[sample_limit];
};
static struct samples markers[marker_count];

// Where the instructions between one pair of markers are, if asked for: one counter an address.
enum { place_count = 1 << 16 };
struct place {
    uint64_t pc, executed;
};
static struct place places[place_count];
static long profiled = -1;

static struct place* place_of(uint64_t pc) {
    size_t at = (pc * 0x9e3779b97f4a7c15) >> 48;
    while (places[at].pc != pc && places[at].pc != 0) {
        at = (at + 1) % place_count;
    }
    places[at].pc = pc;
    return &places[at];
}

static void on_place(unsigned cpu, void* data) {
    (void)cpu;
    struct place* const place = data;
    // As everywhere, a string instruction counts once.
    if (markers[profiled].open && (place->pc != last_string_pc || executed > last_string_at + 1)) {
        ++place->executed;
    }
}

static void on_string(unsigned cpu, void* pc) {
    (void)cpu;
    if (last_string_pc == (uint64_t)pc && executed == last_string_at + 1) {
        ++string_repeats;
    }
    last_string_pc = (uint64_t)pc;
    last_string_at = executed;
}

static void on_marker(unsigned cpu, void* data) {
    (void)cpu;
    uint64_t const word = (uint64_t)data;
    struct samples* const s = &markers[(word >> 1) % marker_count];
    if (first_marker_executed == 0) {
        first_marker_executed = executed;
        first_marker_repeats = string_repeats;
    }
    if ((word & 1) == 0) {
        s->begin_executed = executed;
        s->begin_repeats = string_repeats;
        s->open = true;
    } else if (s->open && s->count < sample_limit) {
        // The end marker itself has been counted.
        uint64_t const raw = executed - s->begin_executed - 1;
        s->raw[s->count] = raw;
        s->once[s->count] = raw - (string_repeats - s->begin_repeats);
        ++s->count;
        s->open = false;
    }
}

static bool is_string(uint8_t const* bytes, size_t size) {
    size_t at = 0;
    bool repeated = false;
    while (at < size && (bytes[at] == 0xf2 || bytes[at] == 0xf3 || bytes[at] == 0x66)) {
        repeated |= bytes[at++] != 0x66;
    }
    if (at + 1 < size && (bytes[at] & 0xf0) == 0x40) {
        ++at;  // REX
    }
    return repeated && at < size && bytes[at] >= 0xa4 && bytes[at] <= 0xaf;
}

static void on_translate(plugin_id id, struct qemu_plugin_tb* block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        struct qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(block, i);
        uint8_t const* const bytes = qemu_plugin_insn_data(insn);
        size_t const size = qemu_plugin_insn_size(insn);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &executed, 1);
        if (profiled >= 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_place, 0,
                                                   place_of(qemu_plugin_insn_vaddr(insn)));
        }
        if (is_string(bytes, size)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_string, 0,
                                                   (void*)qemu_plugin_insn_vaddr(insn));
        } else if (size == 8 && memcmp(bytes, "\x0f\x1f\x84\x00", 4) == 0) {
            uint32_t word;
            memcpy(&word, bytes + 4, sizeof(word));
            if (word >> 20 == 0x4b5) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, 0,
                                                       (void*)(uint64_t)(word & 0xfffff));
            }
        }
    }
}

static int compare(void const* a, void const* b) {
    uint64_t const x = *(uint64_t const*)a;
    uint64_t const y = *(uint64_t const*)b;
    return x < y ? -1 : x > y;
}

static void on_exit_of_qemu(plugin_id id, void* data) {
    (void)id;
    (void)data;
    fprintf(out, "boot %llu %llu\n",
            (unsigned long long)(first_marker_executed - first_marker_repeats),
            (unsigned long long)first_marker_executed);
    for (int i = 0; i < marker_count; ++i) {
        struct samples* const s = &markers[i];
        if (s->count == 0) {
            continue;
        }
        qsort(s->once, s->count, sizeof(uint64_t), compare);
        qsort(s->raw, s->count, sizeof(uint64_t), compare);
        fprintf(out, "marker %d %zu %llu %llu %llu %llu\n", i, s->count,
                (unsigned long long)s->once[0], (unsigned long long)s->once[s->count / 2],
                (unsigned long long)s->once[s->count - 1],
                (unsigned long long)s->raw[s->count / 2]);
    }
    for (int i = 0; profiled >= 0 && i < place_count; ++i) {
        if (places[i].executed != 0) {
            fprintf(out, "place %llx %llu\n", (unsigned long long)places[i].pc,
                    (unsigned long long)places[i].executed);
        }
    }
    fflush(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, void const* info,
                                                               int argc, char** argv) {
    (void)info;
    out = stderr;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "profile=", 8) == 0) {
            profiled = strtol(argv[i] + 8, NULL, 10) % marker_count;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return out == NULL;
}
