#include "view_keys.h"

#include "../base/mem.h"

static bool is_one_of(const struct command_spec *spec, const char *const *names)
{
    for (; *names; names++)
        if (slice_is(spec->name, *names)) return true;
    return false;
}

/* Those that know views: what reads streams, and what asks for the nature of a key. */
static bool knows_views(const struct command_spec *spec)
{
    static const char *const asking[] = {
        "type", "exists", "ttl", "pttl", "expiretime", "pexpiretime", "object|encoding", NULL};
    static const char *const writing[] = {"xadd",  "xdel",   "xdelex", "xackdel",
                                          "xtrim", "xsetid", NULL};
    if (spec->group == GROUP_STREAM) return !is_one_of(spec, writing);
    return is_one_of(spec, asking);
}

/* Is it a command of another type, that reads? */
static bool reads_other_type(const struct command_spec *spec, uint32_t key_flags)
{
    if (!(key_flags & KEY_RO)) return false;
    switch (spec->group) {
    case GROUP_STRING:
    case GROUP_BITMAP:
    case GROUP_LIST:
    case GROUP_SET:
    case GROUP_SORTED_SET:
    case GROUP_HASH:
    case GROUP_HYPERLOGLOG:
    case GROUP_GEO: return true;
    default: return false;
    }
}

static void refuse(struct call *c, struct slice key, uint32_t flags)
{
    enum { SHOWN_MAX = 128 };
    if (reads_other_type(c->command->spec, flags)) {
        call_wrong_type(c);
        return;
    }
    resp_errorf(&c->reply,
                "ERR '%.*s' is a view, a stream of what happens to keys, and no key itself: it can "
                "be read and have groups, but not be written, copied, dumped, watched or deleted",
                (int)(key.len < SHOWN_MAX ? key.len : SHOWN_MAX), key.at);
}

bool view_key_refuses_slowly(struct call *c)
{
    enum { FEW = 16 };
    const struct command_spec *spec = c->command->spec;
    struct command_key few[FEW], *keys = few;
    if (!command_has_keys(spec) || knows_views(spec)) return false;
    int count = command_keys(spec, c->argv, c->argc, few, FEW), i = 0;
    if (count > FEW) {
        keys = mem_alloc((size_t)count * sizeof *keys);
        command_keys(spec, c->argv, c->argc, keys, count);
    }
    while (i < count && ((keys[i].flags & KEY_NOT_KEY) || !view_key(call_arg(c, keys[i].pos)))) i++;
    if (i < count) refuse(c, call_arg(c, keys[i].pos), keys[i].flags);
    if (keys != few) mem_free(keys, (size_t)count * sizeof *keys);
    return i < count;
}
