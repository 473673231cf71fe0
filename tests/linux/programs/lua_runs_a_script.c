// Lua 5.4 from Debian's static library.
// link: -llua5.4 -lm -ldl
// include: /usr/include/lua5.4
// only: glibc
#include "../check.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static char const script[] =
    "local function tree(d) if d == 0 then return {} end return {tree(d - 1), tree(d - 1)} end\n"
    "local function count(t) if not t[1] then return 1 end return 1 + count(t[1]) + count(t[2]) end\n"
    "for d = 2, 10, 4 do print(d, count(tree(d))) end\n"
    "local words = {}\n"
    "for w in ('the quick brown fox jumps over the lazy dog'):gmatch('%a+') do words[#words + 1] = w end\n"
    "table.sort(words) print(table.concat(words, ' '))\n"
    "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)\n"
    "print(co(), co(), co())\n"
    "print(pcall(error, 'raised')) print(string.format('%5.2f %x', math.pi, 255))\n"
    "local f = io.open('/tmp/lua', 'w') f:write('line\\n') f:close()\n"
    "for line in io.lines('/tmp/lua') do print(line) end os.remove('/tmp/lua')\n";

int main(void) {
    lua_State* state = luaL_newstate();
    CHECK(state != NULL);
    luaL_openlibs(state);
    if (luaL_dostring(state, script) != 0) {
        printf("%s\n", lua_tostring(state, -1));
        return 1;
    }
    lua_close(state);
    fflush(stdout);
    DONE;
}
