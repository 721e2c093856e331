/* The run-time table.
 *
 *      commands   one per spec, at the place of its id; those without code do not exist
 *      subs       room for the pointers of all containers, a run for each
 *      slots      open addressing over the names of those that exist, for command_find
 *
 * A slot holds a name in lower case, packed into three words with its length and, for a
 * subcommand, the container it belongs to. So a look-up touches one slot, rarely a second, and
 * compares names eight bytes at a time:
 *
 *      word[0]  bytes 0 … 7      word[1]  bytes 8 … 15
 *      word[2]  bytes 16 … 20, length << 40, (id of the container + 1) << 48
 *
 * Invariants: a command exists if and only if it is in the slots; a container exists if and only
 * if it has code or a subcommand; less than half of the slots are taken, so every probe ends. */
#include "table.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../resp/write.h"

#include <stdio.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "names are packed with byte 0 lowest");

enum {
    NAME_MAX_PACKED = 21, /* as the generator of the specs checks */
    SLOT_BITS = 10,
    SLOTS = 1 << SLOT_BITS,
};

struct packed_name {
    uint64_t word[3];
};

struct slot {
    struct packed_name name;
    struct command *command; /* NULL: free */
};

struct command_table {
    struct slot slots[SLOTS];
    struct command *commands;
    struct command **subs;
    size_t count; /* of those that exist and are no subcommands */
};

/* Up to eight bytes as a word, zeros above, without reading beyond them. */
static inline uint64_t load_bytes(const char *p, size_t n)
{
    uint64_t whole;
    uint32_t low4, high4;
    uint16_t low2, high2;
    if (n >= 8) {
        memcpy(&whole, p, 8);
        return whole;
    }
    if (n >= 4) { /* two halves that may overlap; where they do, they agree */
        memcpy(&low4, p, 4);
        memcpy(&high4, p + n - 4, 4);
        return low4 | (uint64_t)high4 << (8 * (n - 4));
    }
    if (n >= 2) {
        memcpy(&low2, p, 2);
        memcpy(&high2, p + n - 2, 2);
        return low2 | (uint64_t)high2 << (8 * (n - 2));
    }
    return n ? (unsigned char)*p : 0;
}

/* The letters A to Z of eight bytes in lower case. */
static inline uint64_t lower_bytes(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t low7 = w & (0x7f * ones);
    uint64_t from_a = low7 + (0x80 - 'A') * ones; /* top bit of each byte: at least 'A' */
    uint64_t above_z = low7 + (0x7f - 'Z') * ones;
    uint64_t is_upper = from_a & ~above_z & ~w & (0x80 * ones);
    return w | is_upper >> 2;
}

/* Packs a name of at most NAME_MAX_PACKED bytes. */
static inline struct packed_name pack(struct slice name, unsigned container)
{
    struct packed_name p = {{0, 0, (uint64_t)name.len << 40 | (uint64_t)container << 48}};
    p.word[0] = lower_bytes(load_bytes(name.at, name.len));
    if (__builtin_expect(name.len > 8, 0))
        p.word[1] = lower_bytes(load_bytes(name.at + 8, name.len - 8));
    if (__builtin_expect(name.len > 16, 0))
        p.word[2] |= lower_bytes(load_bytes(name.at + 16, name.len - 16));
    return p;
}

static inline bool same_name(struct packed_name a, struct packed_name b)
{
    return ((a.word[0] ^ b.word[0]) | (a.word[1] ^ b.word[1]) | (a.word[2] ^ b.word[2])) == 0;
}

static inline size_t home_slot(struct packed_name p)
{
    uint64_t mixed = p.word[0] ^ (p.word[1] << 23 | p.word[1] >> 41);
    mixed = (mixed ^ p.word[2] * 0xff51afd7ed558ccdu) * 0x9e3779b97f4a7c15u;
    return mixed >> (64 - SLOT_BITS);
}

/* The top-level command of this name (container 0), or the subcommand of the container with the id
 * container - 1; NULL when there is none. */
static inline struct command *look_up(const struct command_table *t, struct slice name,
                                      unsigned container)
{
    if (name.len > NAME_MAX_PACKED) return NULL;
    struct packed_name p = pack(name, container);
    for (size_t i = home_slot(p);; i = (i + 1) % SLOTS) {
        const struct slot *s = &t->slots[i];
        if (!s->command || same_name(s->name, p)) return s->command;
    }
}

struct command_table *command_table_new(void)
{
    size_t specs = command_specs_count();
    CHECK(specs < SLOTS / 2);
    struct command_table *t = mem_new(struct command_table);
    t->commands = mem_zalloc(specs * sizeof *t->commands);
    t->subs = mem_zalloc(specs * sizeof *t->subs);
    for (size_t i = 0; i < specs; i++) {
        struct command *c = &t->commands[i];
        c->spec = command_spec_at(i);
        c->subs = &t->subs[i];
        if (c->spec->parent >= 0) c->parent = &t->commands[c->spec->parent];
    }
    return t;
}

void command_table_free(struct command_table *t)
{
    if (!t) return;
    size_t specs = command_specs_count();
    for (size_t i = 0; i < specs; i++) command_stats_reset(&t->commands[i].stats);
    mem_free(t->commands, specs * sizeof *t->commands);
    mem_free(t->subs, specs * sizeof *t->subs);
    mem_delete(t);
}

/* Puts a subcommand among those of its container, by name, which is by id. */
static void join_container(struct command *container, struct command *sub)
{
    unsigned i = container->subs_count++;
    for (; i > 0 && container->subs[i - 1] > sub; i--) container->subs[i] = container->subs[i - 1];
    container->subs[i] = sub;
}

static void make_exist(struct command_table *t, struct command *c)
{
    if (c->exists) return;
    c->exists = true;
    if (c->parent) {
        make_exist(t, c->parent);
        join_container(c->parent, c);
    } else {
        t->count++;
    }
    unsigned container = c->parent ? c->parent->spec->id + 1u : 0;
    struct packed_name name = pack(c->spec->own, container);
    size_t i = home_slot(name);
    while (t->slots[i].command) i = (i + 1) % SLOTS;
    t->slots[i] = (struct slot){name, c};
}

void command_bind(struct command_table *t, const char *name, command_fn *run)
{
    const struct command_spec *spec = command_spec_named(slice_text(name));
    CHECK(spec);
    struct command *c = &t->commands[spec->id];
    CHECK(run && !c->run);
    c->run = run;
    make_exist(t, c);
}

void command_bind_all(struct command_table *t, const struct command_binding *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) command_bind(t, rows[i].name, rows[i].run);
}

enum command_lookup command_find(const struct command_table *t, const struct slice *argv, int argc,
                                 struct command **out)
{
    struct command *c = *out = look_up(t, argv[0], 0);
    if (!c) return COMMAND_UNKNOWN;
    if (c->subs_count == 0 || argc == 1) return COMMAND_FOUND;
    struct command *sub = look_up(t, argv[1], c->spec->id + 1u);
    if (!sub) return COMMAND_SUB_UNKNOWN;
    *out = sub;
    return COMMAND_FOUND;
}

struct command *command_named(const struct command_table *t, struct slice name)
{
    const char *bar = name.len ? memchr(name.at, '|', name.len) : NULL;
    if (!bar) return look_up(t, name, 0);
    size_t own_from = (size_t)(bar - name.at) + 1;
    struct command *container = look_up(t, slice_of(name.at, own_from - 1), 0);
    if (!container) return NULL;
    return look_up(t, slice_from(name, own_from), container->spec->id + 1u);
}

struct command *command_at(const struct command_table *t, size_t id)
{
    CHECK(id < command_specs_count());
    struct command *c = &t->commands[id];
    return c->exists ? c : NULL;
}

size_t command_count(const struct command_table *t)
{
    return t->count;
}

void command_table_version(const struct command_table *t, char out[COMMAND_VERSION_MAX])
{
    size_t specs = command_specs_count();
    uint32_t groups = 0, first_missing = UINT32_MAX, version = 0;
    for (size_t i = 0; i < specs; i++)
        if (t->commands[i].exists) groups |= 1u << t->commands[i].spec->group;
    for (size_t i = 0; i < specs; i++) {
        const struct command_spec *s = t->commands[i].spec;
        bool promised = !s->later && groups >> s->group & 1;
        if (promised && !t->commands[i].exists && s->since_number < first_missing)
            first_missing = s->since_number;
    }
    for (size_t i = 0; i < specs; i++) {
        uint32_t since = t->commands[i].spec->since_number;
        if (since < first_missing && since > version) version = since;
    }
    snprintf(out, COMMAND_VERSION_MAX, "%u.%u.%u", version >> 16, version >> 8 & 0xff,
             version & 0xff);
}

/* Refusing: the texts are Redis's to the byte, its limits of 128 bytes and its ending of a word at
 * a NUL included. */
enum { QUOTED_MAX = 128 };

static int cut(struct slice s, size_t max)
{
    return (int)(s.len < max ? s.len : max);
}

void command_reply_unknown(struct resp_writer *w, const struct slice *argv, int argc)
{
    char args[QUOTED_MAX + sizeof("'' ")] = "";
    size_t len = 0;
    for (int i = 1; i < argc && len < QUOTED_MAX; i++)
        len += (size_t)snprintf(args + len, sizeof args - len, "'%.*s' ",
                                cut(argv[i], QUOTED_MAX - len), argv[i].at);
    resp_errorf(w, "ERR unknown command '%.*s', with args beginning with: %s",
                cut(argv[0], QUOTED_MAX), argv[0].at, args);
}

static void reply_sub_error(struct resp_writer *w, const char *what, const struct slice *argv)
{
    char container[NAME_MAX_PACKED];
    int len = cut(argv[0], sizeof container);
    for (int i = 0; i < len; i++) container[i] = text_upper(argv[0].at[i]);
    resp_errorf(w, "ERR unknown subcommand%s '%.*s'. Try %.*s HELP.", what,
                cut(argv[1], QUOTED_MAX), argv[1].at, len, container);
}

void command_reply_unknown_sub(struct resp_writer *w, const struct slice *argv)
{
    reply_sub_error(w, "", argv);
}

void command_reply_misused_sub(struct resp_writer *w, const struct slice *argv)
{
    reply_sub_error(w, " or wrong number of arguments for", argv);
}

void command_reply_arity(struct resp_writer *w, const struct command_spec *spec)
{
    resp_errorf(w, "ERR wrong number of arguments for '%.*s' command", (int)spec->name.len,
                spec->name.at);
}
