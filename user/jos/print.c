/* Formatted printing. */
#include "library.h"

typedef void (*Put)(int, void *);

struct Sink {
    Put put;
    void *to;
};

/* One conversion: what stands between % and its letter. */
struct Spec {
    bool left, zeros, alternate;
    int width, precision; /* -1: not given */
    int longs;
};

static void put_many(struct Sink sink, int c, int count) {
    while (count-- > 0) {
        sink.put(c, sink.to);
    }
}

static const char *const error_texts[MAXERROR] = {
    [E_UNSPECIFIED] = "unspecified error",
    [E_BAD_ENV] = "bad environment",
    [E_INVAL] = "invalid parameter",
    [E_NO_MEM] = "out of memory",
    [E_NO_FREE_ENV] = "out of environments",
    [E_FAULT] = "segmentation fault",
    [E_IPC_NOT_RECV] = "env is not recving",
    [E_EOF] = "unexpected end of file",
    [E_NO_DISK] = "no free space on disk",
    [E_MAX_OPEN] = "too many files are open",
    [E_NOT_FOUND] = "file or block not found",
    [E_BAD_PATH] = "invalid path",
    [E_FILE_EXISTS] = "file already exists",
    [E_NOT_EXEC] = "file is not a valid executable",
    [E_NOT_SUPP] = "operation not supported",
};

static void put_text(struct Sink sink, struct Spec spec, const char *text) {
    if (!text) {
        text = "(null)";
    }
    int length = spec.precision < 0 ? strlen(text) : strnlen(text, (size_t)spec.precision);
    if (!spec.left) {
        put_many(sink, spec.zeros ? '0' : ' ', spec.width - length);
    }
    for (int i = 0; i < length; ++i) {
        bool strange = spec.alternate && (text[i] < ' ' || text[i] > '~');
        sink.put(strange ? '?' : text[i], sink.to);
    }
    if (spec.left) {
        put_many(sink, ' ', spec.width - length);
    }
}

static void put_number(struct Sink sink, struct Spec spec, uint64_t value, unsigned base,
                       const char *prefix) {
    char digits[66];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    int padding = spec.width - count - strlen(prefix);
    if (!spec.left && !spec.zeros) {
        put_many(sink, ' ', padding);
    }
    for (const char *p = prefix; *p; ++p) {
        sink.put(*p, sink.to);
    }
    if (!spec.left && spec.zeros) {
        put_many(sink, '0', padding);
    }
    while (count > 0) {
        sink.put(digits[--count], sink.to);
    }
    if (spec.left) {
        put_many(sink, ' ', padding);
    }
}

/* By address, so that what is taken is taken from the caller's list. */
struct Arguments {
    va_list list;
};

static uint64_t take_unsigned(struct Arguments *arguments, int longs) {
    return longs ? va_arg(arguments->list, unsigned long) : va_arg(arguments->list, unsigned int);
}
static int64_t take_signed(struct Arguments *arguments, int longs) {
    return longs ? va_arg(arguments->list, long) : va_arg(arguments->list, int);
}

/* Reads flags, width, precision and size; returns the letter. */
static const char *parse(const char *format, struct Spec *spec, struct Arguments *arguments) {
    *spec = (struct Spec){.precision = -1};
    for (;; ++format) {
        if (*format == '-') {
            spec->left = true;
        } else if (*format == '0') {
            spec->zeros = true;
        } else if (*format == '#') {
            spec->alternate = true;
        } else {
            break;
        }
    }
    int *number = &spec->width;
    for (;; ++format) {
        if (*format == '*') {
            *number = va_arg(arguments->list, int);
        } else if (*format >= '0' && *format <= '9') {
            *number = *number * 10 + (*format - '0');
        } else if (*format == '.') {
            number = &spec->precision;
            *number = 0;
        } else if (*format == 'l') {
            ++spec->longs;
        } else {
            return format;
        }
    }
}

static void convert(struct Sink sink, struct Spec spec, char letter, struct Arguments *arguments) {
    switch (letter) {
        case 'c':
            sink.put(va_arg(arguments->list, int), sink.to);
            return;
        case 's':
            put_text(sink, spec, va_arg(arguments->list, const char *));
            return;
        case 'e': {
            int error = va_arg(arguments->list, int);
            error = error < 0 ? -error : error;
            bool known = error < MAXERROR && error_texts[error];
            struct Spec plain = {.precision = -1};
            if (known) {
                put_text(sink, plain, error_texts[error]);
            } else {
                put_text(sink, plain, "error ");
                put_number(sink, plain, (uint64_t)error, 10, "");
            }
            return;
        }
        case 'd':
        case 'i': {
            int64_t value = take_signed(arguments, spec.longs);
            put_number(sink, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10,
                       value < 0 ? "-" : "");
            return;
        }
        case 'u':
            put_number(sink, spec, take_unsigned(arguments, spec.longs), 10, "");
            return;
        case 'o':
            put_number(sink, spec, take_unsigned(arguments, spec.longs), 8, "");
            return;
        case 'p':
            put_number(sink, spec, (uint64_t)va_arg(arguments->list, void *), 16, "0x");
            return;
        case 'x':
        case 'X':
            put_number(sink, spec, take_unsigned(arguments, spec.longs), 16, "");
            return;
        case '%':
            sink.put('%', sink.to);
            return;
        default:
            sink.put('%', sink.to);
            if (letter) {
                sink.put(letter, sink.to);
            }
    }
}

void vprintfmt(Put put, void *to, const char *format, va_list list) {
    struct Sink sink = {put, to};
    struct Arguments arguments;
    va_copy(arguments.list, list);
    for (; *format; ++format) {
        if (*format != '%') {
            put((unsigned char)*format, to);
            continue;
        }
        struct Spec spec;
        format = parse(format + 1, &spec, &arguments);
        convert(sink, spec, *format, &arguments);
        if (!*format) {
            break;
        }
    }
    va_end(arguments.list);
}

void printfmt(Put put, void *to, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vprintfmt(put, to, format, list);
    va_end(list);
}

/* Collects a piece of the text, so that most lines are one call. */
struct Buffer {
    int used, total;
    char text[256];
};

static void flush(struct Buffer *buffer) {
    sys_cputs(buffer->text, (size_t)buffer->used);
    buffer->used = 0;
}

static void put_buffered(int c, void *to) {
    struct Buffer *buffer = to;
    buffer->text[buffer->used++] = (char)c;
    ++buffer->total;
    if (buffer->used == (int)sizeof(buffer->text)) {
        flush(buffer);
    }
}

int vcprintf(const char *format, va_list list) {
    struct Buffer buffer;
    buffer.used = 0;
    buffer.total = 0;
    vprintfmt(put_buffered, &buffer, format, list);
    flush(&buffer);
    return buffer.total;
}

int cprintf(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int count = vcprintf(format, list);
    va_end(list);
    return count;
}

int printf(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int count = vcprintf(format, list);
    va_end(list);
    return count;
}

/* There are no files: every descriptor is the console. */
int fprintf(int fd, const char *format, ...) {
    USED(fd);
    va_list list;
    va_start(list, format);
    int count = vcprintf(format, list);
    va_end(list);
    return count;
}

struct Room {
    char *at, *end;
    int total;
};

static void put_bounded(int c, void *to) {
    struct Room *room = to;
    ++room->total;
    if (room->at < room->end) {
        *room->at++ = (char)c;
    }
}

int vsnprintf(char *to, int bytes, const char *format, va_list list) {
    if (!to || bytes < 1) {
        return -E_INVAL;
    }
    struct Room room = {to, to + bytes - 1, 0};
    vprintfmt(put_bounded, &room, format, list);
    *room.at = '\0';
    return room.total;
}

int snprintf(char *to, int bytes, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int count = vsnprintf(to, bytes, format, list);
    va_end(list);
    return count;
}
