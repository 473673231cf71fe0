/* Keys and single characters. */
#include "library.h"

void cputchar(int c) {
    char text = (char)c;
    sys_cputs(&text, 1);
}

int iscons(int fd) {
    USED(fd);
    return 1;
}

char *readline(const char *prompt) {
    enum { size = 1024 };
    static char line[size];
    int used = 0;
    if (prompt) {
        cprintf("%s", prompt);
    }
    for (;;) {
        int c = getchar();
        if (c < 0) {
            cprintf("read error: %e\n", c);
            return NULL;
        }
        if ((c == '\b' || c == 0x7f) && used > 0) {
            cprintf("\b \b");
            --used;
        } else if (c >= ' ' && c != 0x7f && used < size - 1) {
            cputchar(c);
            line[used++] = (char)c;
        } else if (c == '\n' || c == '\r') {
            cputchar('\n');
            line[used] = '\0';
            return line;
        }
    }
}
