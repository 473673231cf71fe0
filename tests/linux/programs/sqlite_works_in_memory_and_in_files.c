// SQLite from Debian's static library: in memory, in a file, with a write-ahead log.
// link: -lsqlite3 -lm
// only: glibc
#include "../check.h"
#include <sqlite3.h>

static int print(void* unused, int count, char** values, char** names) {
    (void)unused, (void)names;
    for (int i = 0; i < count; ++i) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    printf("\n");
    return 0;
}
static void run(sqlite3* db, char const* sql) {
    char* message = NULL;
    if (sqlite3_exec(db, sql, print, NULL, &message) != SQLITE_OK) {
        printf("%s: %s\n", sql, message);
        exit(1);
    }
}
static void fill(char const* path, char const* mode) {
    sqlite3* db = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    char pragma[64];
    sprintf(pragma, "pragma journal_mode=%s", mode);
    run(db, pragma);
    run(db, "create table t(a integer primary key, b text, c real)");
    run(db, "begin");
    sqlite3_stmt* insert = NULL;
    CHECK(sqlite3_prepare_v2(db, "insert into t(b, c) values(?, ?)", -1, &insert, NULL) == SQLITE_OK);
    for (int i = 0; i < 2000; ++i) {
        char text[32];
        sprintf(text, "row %d", i * 7919 % 2000);
        sqlite3_bind_text(insert, 1, text, -1, SQLITE_TRANSIENT);
        sqlite3_bind_double(insert, 2, i / 8.0);
        CHECK(sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK);
    }
    sqlite3_finalize(insert);
    run(db, "commit");
    run(db, "create index ib on t(b)");
    run(db, "delete from t where a % 3 = 0");
    run(db, "select count(*), sum(c), min(b), max(b) from t");
    run(db, "select b from t where b like 'row 19%' order by b limit 4");
    run(db, "pragma integrity_check");
    CHECK(sqlite3_close(db) == SQLITE_OK);
}
static void look(char const* path) {
    sqlite3* db = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    run(db, "select count(*), sum(c) from t");
    CHECK(sqlite3_close(db) == SQLITE_OK && unlink(path) == 0);
}

int main(void) {
    fill(":memory:", "memory");
    unlink("/tmp/test.db");
    fill("/tmp/test.db", "delete");
    look("/tmp/test.db");
    fill("/tmp/test.db", "wal");
    look("/tmp/test.db");
    DONE;
}
