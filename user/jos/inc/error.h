/* What calls return, negated, when they fail. */
#ifndef JOS_INC_ERROR_H
#define JOS_INC_ERROR_H

enum {
    E_UNSPECIFIED = 1,
    E_BAD_ENV = 2,
    E_INVAL = 3,
    E_NO_MEM = 4,
    E_NO_FREE_ENV = 5,
    E_FAULT = 6,
    E_IPC_NOT_RECV = 7,
    E_EOF = 8,
    E_NO_DISK = 9,
    E_MAX_OPEN = 10,
    E_NOT_FOUND = 11,
    E_BAD_PATH = 12,
    E_FILE_EXISTS = 13,
    E_NOT_EXEC = 14,
    E_NOT_SUPP = 15,
    MAXERROR
};

#endif
