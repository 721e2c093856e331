#include "format.h"

const struct rdb_row *rdb_row(unsigned char code)
{
    static const struct rdb_row rows[256] = {
#define X(code, id, kind, layout) [code] = {layout, RDB_KIND_##kind, true},
        RDB_TYPES(X)
#undef X
#define X(code, id, kind, layout) [code] = {layout, RDB_KIND_##kind, false},
            RDB_OPCODES(X)
#undef X
    };
    return &rows[code];
}

const char *rdb_kind_text(enum rdb_kind kind, uint64_t count)
{
    static const char *const texts[][2] = {
#define X(id, one, many) {one, many},
        RDB_KINDS(X)
#undef X
    };
    return texts[kind][count != 1];
}
