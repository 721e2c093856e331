/* The command table: every spec sane, binding, look-up against a slow model, refusals, the version,
 * the keys of the commands whose keys are hard to find, times. */
#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"
#include "../../src/command/table.h"
#include "../../src/resp/write.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

struct request {
    struct slice argv[WORDS_MAX];
    int argc;
};

/* Splits at single blanks; "~" stands for an empty word. */
static struct request words(const char *line)
{
    struct request r = {.argc = 0};
    while (*line) {
        size_t len = strcspn(line, " ");
        assert_true(r.argc < WORDS_MAX);
        r.argv[r.argc++] = slice_of(line, len == 1 && *line == '~' ? 0 : len);
        line += len + (line[len] == ' ');
    }
    return r;
}

static void run_nothing(struct call *call)
{
    (void)call;
}

static void run_other(struct call *call)
{
    (void)call;
}

/* A table with everything in it but code for pure containers. */
static struct command_table *full_table(void)
{
    struct command_table *t = command_table_new();
    for (size_t i = 0; i < command_specs_count(); i++) {
        const struct command_spec *s = command_spec_at(i);
        if (s->subs_count == 0) command_bind(t, s->name.at, run_nothing);
    }
    return t;
}

/* Specs ----------------------------------------------------------------------------------- */

static void check_args(const struct command_spec *s, const struct command_arg *args, int count)
{
    for (int i = 0; i < count; i++) {
        const struct command_arg *a = &args[i];
        assert_true(a->name.len > 0);
        assert_true(a->type < ARG_TYPE_COUNT);
        assert_true(a->key_spec < s->key_specs_count);
        assert_true(a->type != ARG_KEY || a->key_spec >= 0);
        assert_true(a->type != ARG_PURE_TOKEN || a->token.len > 0);
        assert_int_equal(a->args_count > 0, a->type == ARG_ONEOF || a->type == ARG_BLOCK);
        check_args(s, a->args, a->args_count);
    }
}

static void check_categories(const struct command_spec *s)
{
    uint32_t f = s->flags, c = s->categories;
    assert_int_equal(!!(f & FLAG_FAST), !!(c & CATEGORY_FAST));
    assert_int_equal(!!(f & FLAG_FAST), !(c & CATEGORY_SLOW));
    assert_int_equal(!!(f & FLAG_WRITE), !!(c & CATEGORY_WRITE));
    assert_false((f & FLAG_WRITE) && (f & FLAG_READONLY));
    if (f & FLAG_ADMIN) assert_true((c & CATEGORY_ADMIN) && (c & CATEGORY_DANGEROUS));
    if (f & FLAG_BLOCKING) assert_true(c & CATEGORY_BLOCKING);
    if (f & FLAG_PUBSUB) assert_true(c & CATEGORY_PUBSUB);
    if ((f & FLAG_READONLY) && s->group == GROUP_STRING) assert_true(c & CATEGORY_STRING);
    assert_int_equal(c >> CATEGORY_COUNT, 0);
    assert_int_equal(f >> FLAG_COUNT, 0);
}

static void every_spec_is_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_specs_count(); i++) {
        const struct command_spec *s = command_spec_at(i);
        assert_int_equal(s->id, i);
        assert_ptr_equal(command_spec_named(s->name), s);
        assert_true(s->arity != 0 && s->group < GROUP_COUNT);
        assert_true(s->summary.len > 0 && s->summary.at[s->summary.len - 1] != '.');
        int major, minor, patch;
        assert_int_equal(sscanf(s->since.at, "%d.%d.%d", &major, &minor, &patch), 3);
        assert_int_equal(s->since_number, major << 16 | minor << 8 | patch);
        assert_int_equal(s->deprecated_since.len > 0, s->replaced_by.len > 0);
        check_categories(s);
        check_args(s, s->args, s->args_count);
        for (int k = 0; k < s->key_specs_count; k++) {
            const struct command_key_spec *ks = &s->key_specs[k];
            uint32_t whole = ks->flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
            assert_int_equal(__builtin_popcount(whole), !(ks->flags & KEY_NOT_KEY));
            if (ks->find == FIND_RANGE) assert_true(ks->range.step > 0);
            if (ks->find == FIND_KEYNUM) assert_true(ks->keynum.step > 0);
        }
    }
}

static void specs_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_specs_count(); i++) {
        const struct command_spec *s = command_spec_at(i);
        for (unsigned sub = 1; sub <= s->subs_count; sub++)
            assert_int_equal(command_spec_at(i + sub)->parent, i);
        if (s->parent < 0) {
            assert_true(slice_equal(s->name, s->own));
            continue;
        }
        const struct command_spec *container = command_spec_at((size_t)s->parent);
        assert_true(i - container->id <= container->subs_count);
        assert_true(slice_starts_with(s->name, container->name));
        assert_int_equal(s->name.at[container->name.len], '|');
        assert_true(slice_equal(slice_from(s->name, container->name.len + 1), s->own));
        assert_int_equal(container->parent, -1);
        /* "config" alone must fail its arity; only COMMAND has something to say by itself */
        assert_true(container->arity == -2 || slice_is(container->name, "command"));
    }
}

static void names_of_bits(void **state)
{
    (void)state;
    assert_true(slice_is(command_flag_name(FLAG_BIT_NO_MULTI), "no_multi"));
    assert_int_equal(command_flag_name(FLAG_BIT_PROTECTED).len, 0);
    assert_true(slice_is(command_category_name(CATEGORY_BIT_GEO), "geo"));
    assert_true(slice_is(command_group_name(GROUP_SORTED_SET), "sorted-set"));
    assert_int_equal(command_category_named(SLICE("SortedSet")), CATEGORY_SORTEDSET);
    assert_int_equal(command_category_named(SLICE("@geo")), 0);
}

/* Binding and look-up --------------------------------------------------------------------- */

static void only_bound_commands_exist(void **state)
{
    (void)state;
    static const struct command_binding rows[] = {
        {"config|set", run_other}, {"get", run_nothing}, {"config|get", run_nothing}};
    struct command_table *t = command_table_new();
    struct request get = words("GET k"), config = words("config get x"), set = words("set k v");
    struct command *c;
    assert_int_equal(command_find(t, get.argv, get.argc, &c), COMMAND_UNKNOWN);
    assert_int_equal(command_find(t, config.argv, config.argc, &c), COMMAND_UNKNOWN);
    command_bind_all(t, rows, 3);
    assert_int_equal(command_count(t), 2);
    assert_int_equal(command_find(t, get.argv, get.argc, &c), COMMAND_FOUND);
    assert_true(slice_is(c->spec->name, "get") && c->run == run_nothing && !c->parent);
    assert_int_equal(command_find(t, set.argv, set.argc, &c), COMMAND_UNKNOWN);
    assert_null(c);
    assert_int_equal(command_find(t, config.argv, config.argc, &c), COMMAND_FOUND);
    assert_true(slice_is(c->spec->name, "config|get"));
    assert_int_equal(command_find(t, config.argv, 1, &c), COMMAND_FOUND);
    assert_true(slice_is(c->spec->name, "config") && !c->run);
    assert_false(command_arity_fits(c->spec, 1));
    assert_int_equal(c->subs_count, 2);
    assert_true(slice_is(c->subs[0]->spec->own, "get") && slice_is(c->subs[1]->spec->own, "set"));
    assert_ptr_equal(c->subs[1]->run, run_other);
    struct request rewrite = words("config rewrite");
    assert_int_equal(command_find(t, rewrite.argv, rewrite.argc, &c), COMMAND_SUB_UNKNOWN);
    assert_true(slice_is(c->spec->name, "config"));
    command_table_free(t);
}

static void a_container_with_code_of_its_own(void **state)
{
    (void)state;
    struct command_table *t = command_table_new();
    struct request r = words("COMMAND count");
    struct command *c;
    command_bind(t, "command|count", run_nothing);
    command_bind(t, "command", run_other);
    assert_int_equal(command_find(t, r.argv, 1, &c), COMMAND_FOUND);
    assert_true(c->run == run_other && command_arity_fits(c->spec, 1));
    assert_int_equal(command_find(t, r.argv, 2, &c), COMMAND_FOUND);
    assert_ptr_equal(c->run, run_nothing);
    assert_int_equal(command_count(t), 1);
    command_table_free(t);
}

/* Does binding the names, one after the other, end the process? */
static bool binding_aborts(const char *first, const char *second)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        struct command_table *t = command_table_new();
        command_bind(t, first, run_nothing);
        command_bind(t, second, run_nothing);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void wrong_bindings_end_the_process(void **state)
{
    (void)state;
    assert_false(binding_aborts("get", "set"));
    assert_false(binding_aborts("command", "command|count"));
    assert_true(binding_aborts("get", "get"));
    assert_true(binding_aborts("config|get", "CONFIG|GET"));
    assert_true(binding_aborts("get", "nosuch"));
    assert_true(binding_aborts("get", ""));
}

/* What command_find must say, the slow way. */
static const struct command_spec *model_find(const struct slice *argv, int argc)
{
    char name[128];
    const struct command_spec *s = command_spec_named(argv[0]);
    if (!s || s->parent >= 0 || s->subs_count == 0 || argc == 1)
        return s && s->parent < 0 ? s : NULL;
    if (memchr(argv[1].at, 0, argv[1].len) || memchr(argv[1].at, '|', argv[1].len)) return NULL;
    int len = snprintf(name, sizeof name, "%s|%.*s", s->name.at, (int)argv[1].len, argv[1].at);
    return command_spec_named(slice_of(name, (size_t)len));
}

/* Damages a name now and then: another case, another byte, longer, shorter. */
static size_t scramble(struct random *r, struct slice name, char *to)
{
    size_t len = name.len;
    memcpy(to, name.at, len);
    for (size_t i = 0; i < len; i++)
        if (random_below(r, 2)) to[i] = text_upper(to[i]);
    switch (random_below(r, 8)) {
    case 0: to[random_below(r, len)] = (char)random_below(r, 256); break;
    case 1: to[random_below(r, len)] ^= (char)(1 << random_below(r, 8)); break;
    case 2: len = random_below(r, len) + 1; break;
    case 3: to[len++] = (char)(random_below(r, 2) ? 0 : 'a' + random_below(r, 26)); break;
    }
    return len;
}

static void look_up_agrees_with_the_model(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20240229;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random r;
    random_init(&r, seed);
    struct command_table *t = full_table();
    for (int round = 0; round < 40000; round++) {
        /* exactly as long as the words, so that a read beyond them shows */
        const struct command_spec *s = command_spec_at(random_below(&r, command_specs_count()));
        char bytes[2][64];
        struct slice top = s->parent < 0 ? s->own : command_spec_at((size_t)s->parent)->own;
        struct slice argv[2];
        for (int i = 0; i < 2; i++) {
            size_t len = scramble(&r, i ? s->own : top, bytes[i]);
            argv[i] = slice_of(memcpy(malloc(len), bytes[i], len), len);
        }
        int argc = 1 + (s->parent >= 0);
        struct command *c;
        enum command_lookup got = command_find(t, argv, argc, &c);
        const struct command_spec *want = model_find(argv, argc);
        assert_int_equal(got == COMMAND_FOUND, want != NULL);
        if (want) assert_ptr_equal(c->spec, want);
        if (got == COMMAND_SUB_UNKNOWN) assert_true(slice_equal_nocase(c->spec->name, argv[0]));
        for (int i = 0; i < 2; i++) free((void *)argv[i].at);
    }
    command_table_free(t);
}

static void full_names(void **state)
{
    (void)state;
    struct command_table *t = full_table();
    for (size_t i = 0; i < command_specs_count(); i++) {
        assert_ptr_equal(command_named(t, command_spec_at(i)->name), command_at(t, i));
        assert_non_null(command_at(t, i));
    }
    assert_non_null(command_named(t, SLICE("CONFIG|GET")));
    static const char *const none[] = {"",     "nosuch",        "get|foo",      "config|",
                                       "|get", "config|nosuch", "config|get|x", "|"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(command_named(t, slice_text(none[i])));
    command_table_free(t);
}

static void arity(void **state)
{
    (void)state;
    const struct command_spec *get = command_spec_named(SLICE("get"));
    const struct command_spec *del = command_spec_named(SLICE("del"));
    assert_true(command_arity_fits(get, 2) && !command_arity_fits(get, 3));
    assert_true(!command_arity_fits(del, 1) && command_arity_fits(del, 2));
    assert_true(command_arity_fits(del, 1000));
}

/* Refusals -------------------------------------------------------------------------------- */

static void refusals(void **state)
{
    (void)state;
    struct buffer out = {.len = 0};
    struct resp_writer w = {.out = &out, .proto = 2};
    struct request r = words("foo a b ~");
    command_reply_unknown(&w, r.argv, r.argc);
    command_reply_unknown(&w, r.argv, 1);
    r = words("config x y");
    command_reply_unknown_sub(&w, r.argv);
    command_reply_arity(&w, command_spec_named(SLICE("get")));
    command_reply_arity(&w, command_spec_named(SLICE("config|get")));
    buffer_add_byte(&out, 0);
    assert_string_equal(out.at,
                        "-ERR unknown command 'foo', with args beginning with: 'a' 'b' '' \r\n"
                        "-ERR unknown command 'foo', with args beginning with: \r\n"
                        "-ERR unknown subcommand 'x'. Try CONFIG HELP.\r\n"
                        "-ERR wrong number of arguments for 'get' command\r\n"
                        "-ERR wrong number of arguments for 'config|get' command\r\n");
    buffer_fini(&out);
}

static void refusals_are_bounded(void **state)
{
    (void)state;
    char long_word[300];
    memset(long_word, 'x', sizeof long_word);
    struct slice argv[] = {slice_of(long_word, 300), slice_of(long_word, 126), SLICE("yz\0"),
                           SLICE("never")};
    char want[400];
    struct buffer out = {.len = 0};
    struct resp_writer w = {.out = &out, .proto = 2};
    command_reply_unknown(&w, argv, 4);
    buffer_add_byte(&out, 0);
    /* 126 bytes and their quotes are more than 128: nothing follows */
    snprintf(want, sizeof want,
             "-ERR unknown command '%.128s', with args beginning with: '%.126s' \r\n", long_word,
             long_word);
    assert_string_equal(out.at, want);
    out.len = 0;
    argv[1].len = 120; /* and three: 5 bytes are left for the next */
    command_reply_unknown(&w, argv, 4);
    buffer_add_byte(&out, 0);
    snprintf(want, sizeof want,
             "-ERR unknown command '%.128s', with args beginning with: '%.120s' 'yz' \r\n",
             long_word, long_word);
    assert_string_equal(out.at, want);
    buffer_fini(&out);
}

/* The version ----------------------------------------------------------------------------- */

static void version_of(const struct command_table *t, const char *want)
{
    char version[COMMAND_VERSION_MAX];
    command_table_version(t, version);
    assert_string_equal(version, want);
}

static void version(void **state)
{
    (void)state;
    struct command_table *t = command_table_new();
    for (size_t i = 0; i < command_specs_count(); i++) {
        const struct command_spec *s = command_spec_at(i);
        if (s->group != GROUP_TRANSACTIONS || slice_is(s->name, "unwatch")) continue;
        command_bind(t, s->name.at, run_nothing);
    }
    version_of(t, "2.0.0"); /* UNWATCH came with 2.2.0 */
    command_bind(t, "unwatch", run_nothing);
    uint32_t newest = 0;
    const char *newest_text = NULL;
    for (size_t i = 0; i < command_specs_count(); i++) {
        const struct command_spec *s = command_spec_at(i);
        if (s->since_number <= newest) continue;
        newest = s->since_number;
        newest_text = s->since.at;
    }
    version_of(t, newest_text);           /* the one group that is begun is complete */
    command_bind(t, "eval", run_nothing); /* of a group for later, which does not count */
    version_of(t, newest_text);
    command_bind(t, "config|get", run_nothing); /* the server's group lacks much from 1.0.0 on */
    version_of(t, "0.0.0");
    command_table_free(t);
}

/* Keys ------------------------------------------------------------------------------------ */

/* Checks the keys of a request, given as "position:flags position:flags …" or "invalid". */
static void keys_are(const char *line, const char *want)
{
    struct command_table *t = full_table();
    struct request r = words(line);
    struct command *c;
    struct command_key keys[8];
    char got[256] = "";
    assert_int_equal(command_find(t, r.argv, r.argc, &c), COMMAND_FOUND);
    assert_true(command_arity_fits(c->spec, r.argc));
    int count = command_keys(c->spec, r.argv, r.argc, keys, 8);
    if (count < 0) {
        assert_int_equal(count, ERR_SYNTAX);
        strcpy(got, "invalid");
    }
    for (int i = 0; i < count; i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof got - len, "%s%d:", i ? " " : "", keys[i].pos);
        for (unsigned bit = 0; bit < KEY_FLAG_COUNT; bit++)
            if (keys[i].flags >> bit & 1)
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s",
                         got[strlen(got) - 1] == ':' ? "" : "+", command_key_flag_name(bit).at);
    }
    command_table_free(t);
    if (strcmp(got, want) != 0) fail_msg("%s: keys are %s, not %s", line, got, want);
}

static void keys_by_spec(void **state)
{
    (void)state;
    keys_are("get k", "1:RO+access");
    keys_are("ping", "");
    keys_are("config get k", "");
    keys_are("del a b c", "1:RM+delete 2:RM+delete 3:RM+delete");
    keys_are("mset a 1 b 2", "1:OW+update 3:OW+update");
    keys_are("rename a b", "1:RW+access+delete 2:OW+update");
    keys_are("object encoding k", "2:RO");
    keys_are("bitop and d a b", "2:OW+update 3:RO+access 4:RO+access");
    keys_are("blpop a b 0", "1:RW+access+delete 2:RW+access+delete");
    keys_are("spublish channel m", "");
    keys_are("xgroup create k g $", "2:RW+insert");
}

static void keys_by_count(void **state)
{
    (void)state;
    keys_are("eval s 2 a b x", "3:RW+access+update 4:RW+access+update");
    keys_are("eval s 0 a b", "");
    keys_are("eval s -1 a b", "invalid");
    keys_are("eval s 9223372036854775807 a b", "invalid");
    keys_are("eval s 3 a b", "invalid");
    keys_are("eval s x a b", "invalid");
    keys_are("zunionstore d 2 a b weights 1 2", "1:OW+update 3:RO+access 4:RO+access");
    keys_are("zunionstore d 0 a", "invalid");
    keys_are("zunionstore d 2 a", "invalid");
    keys_are("blmpop 0 2 a b left", "3:RW+access+delete 4:RW+access+delete");
    keys_are("msetex 2 a 1 b 2 nx", "2:OW+update 4:OW+update");
    keys_are("msetex 2 a 1 b", "2:OW+update 4:OW+update");
    keys_are("msetex 2 a 1", "invalid");
}

static void keys_by_keyword(void **state)
{
    (void)state;
    keys_are("xread count 1 streams a b 0 0", "4:RO+access 5:RO+access");
    keys_are("XREADGROUP GROUP g c STREAMS a b > >", "5:RO+access 6:RO+access");
    keys_are("xread count 1 block", "");
    keys_are("xread count 1 streams", "");
    keys_are("georadius k 1 2 3 m store d", "1:RO+access 7:OW+update");
    keys_are("georadius k 1 2 3 m storedist d", "1:RO+access 7:OW+update");
    keys_are("georadius k 1 2 3 m store", "1:RO+access");
}

static void keys_by_code(void **state)
{
    (void)state;
    keys_are("set k v ex 10", "1:OW+update");
    keys_are("set get get", "1:OW+update");
    keys_are("set k v ex 10 GeT", "1:RW+access+update");
    keys_are("bitfield k get u8 0", "1:RO+access");
    keys_are("bitfield k get u8 0 overflow sat get u8 1", "1:RO+access");
    keys_are("bitfield k get u8 0 incrby u8 0 1", "1:RW+access+update");
    keys_are("bitfield k get u8", "1:RW+access+update");
    keys_are("bitfield k", "1:RO+access");
    keys_are("sort k by store get x limit 0 1", "1:RO+access");
    keys_are("sort k by w store d", "1:RO+access 5:OW+update");
    keys_are("sort k store store limit 0 1", "1:RO+access 3:OW+update");
    keys_are("sort k store c store d", "1:RO+access 5:OW+update");
    keys_are("sort k store", "1:RO+access");
    keys_are("sort_ro k by store get store", "1:RO+access");
    keys_are("migrate h p k 0 10", "3:RW+access+delete");
    keys_are("migrate h p ~ 0 10 copy keys a b", "8:RW+access+delete 9:RW+access+delete");
    keys_are("migrate h p ~ 0 10 auth keys keys a", "9:RW+access+delete");
    keys_are("migrate h p ~ 0 10 auth2 keys keys keys a", "10:RW+access+delete");
    keys_are("migrate h p k 0 10 keys a", "");
}

static void more_keys_than_room(void **state)
{
    (void)state;
    struct request r = words("del a b c d e");
    const struct command_spec *del = command_spec_named(SLICE("del"));
    struct command_key keys[3] = {{0, 0}, {0, 0}, {77, 77}};
    assert_int_equal(command_keys(del, r.argv, r.argc, keys, 2), 5);
    assert_int_equal(keys[1].pos, 2);
    assert_int_equal(keys[2].pos, 77);
    assert_int_equal(command_keys(del, r.argv, r.argc, NULL, 0), 5);
}

static void first_keys_and_old_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int prefetch, first, last, step;
        bool has_keys;
    } rows[] = {
        {"get", 1, 1, 1, 1, true},    {"mset", 1, 1, -1, 2, true},
        {"eval", 3, 0, 0, 0, true},   {"zunionstore", 1, 1, 1, 1, true},
        {"rename", 1, 1, 2, 1, true}, {"object|encoding", 2, 2, 2, 1, true},
        {"ping", 0, 0, 0, 0, false},  {"bitop", 2, 2, -1, 1, true},
        {"xread", 0, 0, 0, 0, true},  {"blpop", 1, 1, -2, 1, true},
        {"sort", 1, 1, 1, 1, true},   {"spublish", 0, 1, 1, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct command_spec *s = command_spec_named(slice_text(rows[i].name));
        assert_int_equal(command_first_key(s, 10), rows[i].prefetch);
        assert_int_equal(command_first_key(s, 1), 0);
        assert_int_equal(s->first_key, rows[i].first);
        assert_int_equal(s->last_key, rows[i].last);
        assert_int_equal(s->key_step, rows[i].step);
        assert_int_equal(command_has_keys(s), rows[i].has_keys);
    }
}

/* Times ----------------------------------------------------------------------------------- */

static void add_call(struct command_stats *s, uint64_t ns)
{
    command_stats_add_part(s, ns, true);
    command_stats_add_latency(s, ns);
}

static void times(void **state)
{
    (void)state;
    struct command_stats s = {.calls = 0};
    assert_int_equal(command_stats_percentile(&s, 50), 0);
    assert_int_equal(command_stats_timed(&s), 0);
    command_stats_add_part(&s, 5, true);
    assert_int_equal(command_stats_timed(&s), 0);
    for (uint64_t ns = 1; ns <= 1000; ns++) add_call(&s, ns * 1000);
    assert_int_equal(s.calls, 1001);
    assert_int_equal(s.ns, 5 + 500500000);
    assert_int_equal(command_stats_timed(&s), 1000);
    assert_int_equal(command_stats_below(&s, 1024), 1);
    assert_int_equal(command_stats_below(&s, 1 << 16), 65);
    assert_int_equal(command_stats_below(&s, 1 << 20), 1000);
    static const double percents[] = {0, 0.05, 1, 25, 50, 75, 99, 99.9, 100};
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        double real = percents[i] < 0.1 ? 1000 : percents[i] * 10000;
        double got = (double)command_stats_percentile(&s, percents[i]);
        assert_true(got >= real && got <= real * 1.13);
    }
    command_stats_reset(&s);
    assert_int_equal(s.calls, 0);
    assert_null(s.latency);
}

static void extreme_times(void **state)
{
    (void)state;
    struct command_stats s = {.calls = 0};
    add_call(&s, 0);
    assert_int_equal(command_stats_percentile(&s, 100), 0);
    add_call(&s, UINT64_MAX / 2);
    assert_int_equal(command_stats_percentile(&s, 100), (1 << 30) - 1);
    assert_int_equal(command_stats_below(&s, 1), 1);
    assert_int_equal(command_stats_timed(&s), 2);
    for (uint64_t ns = 0; ns < 64; ns++) {
        command_stats_reset(&s);
        add_call(&s, ns);
        uint64_t top = command_stats_percentile(&s, 50);
        assert_true(top >= ns && top <= ns + ns / 8);
    }
    command_stats_reset(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spec_is_sane),
        cmocka_unit_test(specs_are_in_order),
        cmocka_unit_test(names_of_bits),
        cmocka_unit_test(only_bound_commands_exist),
        cmocka_unit_test(a_container_with_code_of_its_own),
        cmocka_unit_test(wrong_bindings_end_the_process),
        cmocka_unit_test(look_up_agrees_with_the_model),
        cmocka_unit_test(full_names),
        cmocka_unit_test(arity),
        cmocka_unit_test(refusals),
        cmocka_unit_test(refusals_are_bounded),
        cmocka_unit_test(version),
        cmocka_unit_test(keys_by_spec),
        cmocka_unit_test(keys_by_count),
        cmocka_unit_test(keys_by_keyword),
        cmocka_unit_test(keys_by_code),
        cmocka_unit_test(more_keys_than_room),
        cmocka_unit_test(first_keys_and_old_ranges),
        cmocka_unit_test(times),
        cmocka_unit_test(extreme_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
