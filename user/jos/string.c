/* Strings. strlen and what moves memory is shared with the kernel: arch/x86_64/memory_functions.S. */
#include "library.h"

int strnlen(const char *s, size_t size) {
    int n = 0;
    while ((size_t)n < size && s[n]) {
        ++n;
    }
    return n;
}

char *strcpy(char *to, const char *from) {
    for (char *at = to; (*at++ = *from++) != '\0';) {
    }
    return to;
}

char *strncpy(char *to, const char *from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        to[i] = *from;
        from += *from != '\0';
    }
    return to;
}

char *strcat(char *to, const char *from) {
    strcpy(to + strlen(to), from);
    return to;
}

size_t strlcpy(char *to, const char *from, size_t size) {
    size_t n = 0;
    if (size == 0) {
        return 0;
    }
    for (; n + 1 < size && from[n]; ++n) {
        to[n] = from[n];
    }
    to[n] = '\0';
    return n;
}

int strncmp(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        int difference = (unsigned char)a[i] - (unsigned char)b[i];
        if (difference || !a[i]) {
            return difference;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, ~(size_t)0); }

char *strfind(const char *s, char c) {
    while (*s && *s != c) {
        ++s;
    }
    return (char *)s;
}

char *strchr(const char *s, char c) {
    s = strfind(s, c);
    return *s ? (char *)s : NULL;
}

void *memfind(const void *s, int c, size_t bytes) {
    const unsigned char *at = s;
    const unsigned char *end = at + bytes;
    while (at < end && *at != (unsigned char)c) {
        ++at;
    }
    return (void *)at;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

long strtol(const char *s, char **end, int base) {
    bool negative = false;
    long value = 0;
    while (*s == ' ' || *s == '\t') {
        ++s;
    }
    if (*s == '+' || *s == '-') {
        negative = *s++ == '-';
    }
    bool hexadecimal = s[0] == '0' && s[1] == 'x';
    if ((base == 0 || base == 16) && hexadecimal) {
        s += 2;
        base = 16;
    } else if (base == 0) {
        base = *s == '0' ? 8 : 10;
    }
    for (; digit_of(*s) < base; ++s) {
        value = value * base + digit_of(*s);
    }
    if (end) {
        *end = (char *)s;
    }
    return negative ? -value : value;
}
