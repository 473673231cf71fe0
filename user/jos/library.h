/* What the parts of the library share, beyond what programs see. */
#ifndef JOS_LIBRARY_H
#define JOS_LIBRARY_H

#include <inc/lib.h>

struct JosMessage {
    uint64_t value;
    envid_t from;
    int32_t perm;
};

/* calls.cpp */
int jos_send(envid_t to, uint64_t value, void *page, int perm, uint64_t deadline);
int jos_receive(void *page, struct JosMessage *to);
int jos_unshare(uint64_t page, uint64_t scratch, uint64_t tag);
struct JosFrame;
int jos_set_frame(envid_t env, struct JosFrame const *frame);

/* fault.c: the exception stack and the upcall, for the caller. */
void jos_take_faults(void);

#endif
