// A SQL shell over Debian's libsqlite3.a: sqlite_shell [DATABASE] reads statements and prints rows.
// link: -lsqlite3 -lm
// only: glibc
#include "../check.h"
#include <sqlite3.h>

static int print_row(void* unused, int count, char** values, char** names) {
    (void)unused, (void)names;
    for (int i = 0; i < count; ++i) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    printf("\n");
    return 0;
}

int main(int count, char** words) {
    sqlite3* db = NULL;
    CHECK(sqlite3_open(count > 1 ? words[1] : ":memory:", &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    size_t room = 0, used = 0;
    char *statement = NULL, *line = NULL, *message = NULL;
    size_t line_room = 0;
    int failed = 0;
    for (ssize_t bytes; (bytes = getline(&line, &line_room, stdin)) > 0;) {
        if (used + (size_t)bytes + 1 > room) {
            room = 2 * (used + (size_t)bytes + 1);
            statement = realloc(statement, room);
            CHECK(statement != NULL);
        }
        memcpy(statement + used, line, (size_t)bytes + 1);
        used += (size_t)bytes;
        if (!sqlite3_complete(statement)) continue;
        if (sqlite3_exec(db, statement, print_row, NULL, &message) != SQLITE_OK) {
            printf("error: %s\n", message);
            sqlite3_free(message);
            failed = 1;
        }
        fflush(stdout);
        used = 0;
    }
    sqlite3_close(db);
    return failed;
}
