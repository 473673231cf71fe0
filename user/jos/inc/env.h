/* Environments, as the kernel's public array shows them: 64 bytes each. */
#ifndef JOS_INC_ENV_H
#define JOS_INC_ENV_H

#include <inc/memlayout.h>
#include <inc/trap.h>
#include <inc/types.h>

typedef int32_t envid_t;

#define LOG2NENV 12
#define NENV (1 << LOG2NENV)
#define ENVX(envid) ((envid) & (NENV - 1))

enum { ENV_FREE = 0, ENV_DYING, ENV_RUNNABLE, ENV_RUNNING, ENV_NOT_RUNNABLE };
enum EnvType { ENV_TYPE_USER = 0, ENV_TYPE_FS, ENV_TYPE_NS };

struct Env {
    uint64_t env_native;       /* the kernel's own id */
    uint64_t env_space;        /* and its address space's */
    unsigned env_status;
    int env_cpunum;
    envid_t env_id;
    envid_t env_parent_id;
    enum EnvType env_type;
    uint32_t env_reserved[7];
};

#endif
