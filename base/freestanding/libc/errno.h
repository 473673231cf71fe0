// Error numbers that <charconv>, <system_error> and <string> name.
#ifndef QUARRY_LIBC_ERRNO_H
#define QUARRY_LIBC_ERRNO_H
#define EPERM 1
#define ENOMEM 12
#define EINVAL 22
#define EDOM 33
#define ERANGE 34
#define EOVERFLOW 75
#define EILSEQ 84
#endif
