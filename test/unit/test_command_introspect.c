/* The replies of COMMAND and its subcommands, byte by byte, as Redis 7.0.15 has them where the two
 * tell the same. Line breaks are written as blanks here. */
#include "../../src/command/introspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORDS_MAX = 64 };

static void run_nothing(struct call *call)
{
    (void)call;
}

static const struct command_binding bindings[] = {
    {"command", run_nothing},
    {"command|count", run_nothing},
    {"command|help", run_nothing},
    {"config|get", run_nothing},
    {"config|help", run_nothing},
    {"debug", run_nothing},
    {"eval", run_nothing},
    {"get", run_nothing},
    {"migrate", run_nothing},
    {"mset", run_nothing},
    {"object|freq", run_nothing},
    {"ping", run_nothing},
    {"publish", run_nothing},
    {"setnx", run_nothing},
    {"set", run_nothing},
    {"xread", run_nothing},
    {"georadius_ro", run_nothing},
    {"sort_ro", run_nothing},
    {"object|encoding", run_nothing},
};

struct reply {
    struct command_table *table;
    struct buffer out;
};

static int set_up(void **state)
{
    struct reply *r = *state = test_calloc(1, sizeof *r);
    r->table = command_table_new();
    command_bind_all(r->table, bindings, sizeof bindings / sizeof *bindings);
    return 0;
}

static int tear_down(void **state)
{
    struct reply *r = *state;
    command_table_free(r->table);
    buffer_fini(&r->out);
    test_free(r);
    return 0;
}

static void dispatch(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w)
{
    if (argc == 1)
        introspect_all(t, w);
    else if (slice_is(argv[1], "count"))
        introspect_count(t, w);
    else if (slice_is(argv[1], "info"))
        introspect_info(t, argv, argc, w);
    else if (slice_is(argv[1], "docs"))
        introspect_docs(t, argv, argc, w);
    else if (slice_is(argv[1], "list"))
        introspect_list(t, argv, argc, w);
    else if (slice_is(argv[1], "getkeys"))
        introspect_getkeys(t, argv, argc, w);
    else if (slice_is(argv[1], "getkeysandflags"))
        introspect_getkeysandflags(t, argv, argc, w);
    else
        introspect_help(w);
}

/* The reply to a request, with a blank for each line break. */
static const char *reply_to(struct reply *r, int proto, const char *line)
{
    struct slice argv[WORDS_MAX];
    int argc = 0;
    while (*line) {
        size_t len = strcspn(line, " ");
        assert_true(argc < WORDS_MAX);
        argv[argc++] = slice_of(line, len);
        line += len + (line[len] == ' ');
    }
    r->out.len = 0;
    struct resp_writer w = {.out = &r->out, .proto = proto};
    dispatch(r->table, argv, argc, &w);
    size_t kept = 0;
    for (size_t i = 0; i < r->out.len; i++) {
        if (r->out.at[i] == '\r') continue;
        r->out.at[kept++] = r->out.at[i] == '\n' ? ' ' : r->out.at[i];
    }
    r->out.len = kept;
    buffer_add_byte(&r->out, 0);
    return r->out.at;
}

static void info(void **state)
{
    assert_string_equal(
        reply_to(*state, 3, "COMMAND INFO GET nosuch ping|x"),
        "*3 *10 $3 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 "
        "~1 %3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec "
        "%1 $5 index :1 $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 "
        "keystep :1 $5 limit :0 ~0 _ _ ");
    assert_string_equal(reply_to(*state, 2, "COMMAND INFO ping nosuch"),
                        "*2 *10 $4 ping :-1 *1 +fast :0 :0 :0 *2 +@fast +@connection *2 $25 "
                        "request_policy:all_shards $29 response_policy:all_succeeded *0 *0 $-1 ");
    /* publish has flags and a category that stay unsaid */
    assert_string_equal(
        reply_to(*state, 2, "COMMAND INFO publish"),
        "*1 *10 $7 publish :3 *4 +pubsub +loading +stale +fast :0 :0 :0 *2 +@pubsub "
        "+@fast *0 *0 *0 ");
}

static void info_of_odd_keys(void **state)
{
    assert_string_equal(
        reply_to(*state, 3, "COMMAND INFO xread"),
        "*1 *10 $5 xread :-4 ~3 +readonly +blocking +movablekeys :0 :0 :0 ~4 +@read +@stream "
        "+@slow "
        "+@blocking ~0 ~1 %3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $7 keyword $4 "
        "spec "
        "%2 $7 keyword $7 STREAMS $9 startfrom :1 $9 find_keys %2 $4 type $5 range $4 spec %3 $7 "
        "lastkey :-1 $7 keystep :1 $5 limit :2 ~0 ");
    assert_non_null(
        strstr(reply_to(*state, 3, "COMMAND INFO eval"),
               "$9 find_keys %2 $4 type $6 keynum $4 spec %3 $9 keynumidx :0 $8 firstkey "
               ":1 $7 keystep :1 "));
    assert_non_null(strstr(reply_to(*state, 2, "COMMAND INFO sort_ro"),
                           "$12 begin_search *4 $4 type $7 unknown $4 spec *0 $9 find_keys *4 $4 "
                           "type $7 unknown $4 spec *0 "));
}

static void info_of_containers(void **state)
{
    const char *sub = "*10 $11 object|freq :3 ~1 +readonly :2 :2 :1 ~3 +@keyspace +@read +@slow ~1 "
                      "$23 nondeterministic_output ~1 %3 $5 flags ~1 +RO $12 begin_search %2 $4 "
                      "type $5 index $4 spec %1 $5 index :2 $9 find_keys %2 $4 type $5 range $4 "
                      "spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 ~0 ";
    char want[1024];
    snprintf(want, sizeof want, "*1 %s", sub);
    assert_string_equal(reply_to(*state, 3, "COMMAND INFO OBJECT|FREQ"), want);
    const char *whole = reply_to(*state, 3, "COMMAND INFO object");
    assert_ptr_equal(strstr(whole, "*1 *10 $6 object :-2 ~0 :0 :0 :0 ~1 +@slow ~0 ~0 *2 *10 $15 "
                                   "object|encoding :3 "),
                     whole);
    assert_string_equal(strstr(whole, "*10 $11"), sub);
}

static void all_and_count(void **state)
{
    assert_string_equal(reply_to(*state, 3, "COMMAND COUNT"), ":15 ");
    const char *all = reply_to(*state, 3, "COMMAND");
    assert_ptr_equal(strstr(all, "*15 *10 $7 command :-1 "), all);
    assert_null(strstr(all, "append"));
    struct buffer first = {.len = 0};
    buffer_add(&first, all, strlen(all) + 1);
    assert_string_equal(reply_to(*state, 3, "COMMAND INFO"), first.at);
    buffer_fini(&first);
}

static void docs(void **state)
{
    assert_string_equal(
        reply_to(*state, 3, "COMMAND DOCS setnx nosuch"),
        "%1 $5 setnx %8 $7 summary $37 Writes a string unless the key exists $5 since $5 1.0.0 $5 "
        "group $6 string $10 complexity $4 O(1) $9 doc_flags ~1 +deprecated $16 deprecated_since "
        "$6 "
        "2.6.12 $11 replaced_by $15 `SET` with `NX` $9 arguments *2 %3 $4 name $3 key $4 type $3 "
        "key "
        "$14 key_spec_index :0 %2 $4 name $5 value $4 type $6 string ");
    assert_string_equal(reply_to(*state, 2, "COMMAND DOCS debug"),
                        "*2 $5 debug *8 $7 summary $38 Tools for tests and for finding faults $5 "
                        "since $5 1.0.0 $5 group $6 server $9 doc_flags *1 +syscmd ");
    assert_string_equal(reply_to(*state, 3, "COMMAND DOCS nosuch"), "%0 ");
    const char *all = reply_to(*state, 3, "COMMAND DOCS");
    assert_ptr_equal(strstr(all, "%15 $7 command %"), all);
    assert_non_null(strstr(all, "$11 subcommands %2 $15 object|encoding %5 $7 summary "));
}

static void docs_of_arguments(void **state)
{
    const char *set = reply_to(*state, 3, "COMMAND DOCS set");
    assert_non_null(strstr(set, "%5 $4 name $3 get $4 type $10 pure-token $5 token $3 GET $5 since "
                                "$5 6.2.0 $5 flags ~1 +optional "));
    assert_non_null(strstr(set, "%5 $4 name $9 condition $4 type $5 oneof $5 since $6 2.6.12 $5 "
                                "flags ~1 +optional $9 arguments *2 %3 $4 name $2 nx $4 type $10 "
                                "pure-token $5 token $2 NX %3 $4 name $2 xx "));
}

static void list(void **state)
{
    assert_string_equal(reply_to(*state, 3, "COMMAND LIST FILTERBY PATTERN O*"),
                        "*3 $6 object $15 object|encoding $11 object|freq ");
    assert_string_equal(reply_to(*state, 3, "COMMAND list filterby aclcat STRING"),
                        "*4 $3 get $4 mset $3 set $5 setnx ");
    assert_string_equal(reply_to(*state, 3, "COMMAND LIST FILTERBY ACLCAT nosuch"), "*0 ");
    assert_string_equal(reply_to(*state, 3, "COMMAND LIST FILTERBY MODULE x"), "*0 ");
    const char *all = reply_to(*state, 2, "COMMAND LIST");
    assert_ptr_equal(strstr(all, "*21 $7 command $13 command|count $12 command|help $6 config "),
                     all);
    static const char *const wrong[] = {"COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY PATTERN",
                                        "COMMAND LIST FILTERBY NO x", "COMMAND LIST BY PATTERN x",
                                        "COMMAND LIST FILTERBY PATTERN x y"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_string_equal(reply_to(*state, 2, wrong[i]), "-ERR syntax error ");
}

static void getkeys(void **state)
{
    static const struct {
        const char *request, *reply;
    } rows[] = {
        {"get k", "*1 $1 k "},
        {"MSET a 1 b 2", "*2 $1 a $1 b "},
        {"object encoding k", "*1 $1 k "},
        {"eval s 0 a", "*0 "},
        {"eval s nonsense a", "*0 "},
        {"nosuch k", "-ERR Invalid command specified "},
        {"object nosuch k", "-ERR Invalid command specified "},
        {"ping k", "-ERR The command has no key arguments "},
        {"object", "-ERR The command has no key arguments "},
        {"get k k", "-ERR Invalid number of arguments specified for command "},
        {"migrate h p k 0 10 keys a", "-ERR Invalid arguments specified for command "},
        {"xread streams 1 2 3", "*1 $1 1 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        snprintf(line, sizeof line, "COMMAND GETKEYS %s", rows[i].request);
        assert_string_equal(reply_to(*state, 2, line), rows[i].reply);
    }
    assert_string_equal(reply_to(*state, 3, "COMMAND GETKEYSANDFLAGS SET k v GET"),
                        "*1 *2 $1 k ~3 +RW +access +update ");
    assert_string_equal(reply_to(*state, 2, "COMMAND GETKEYSANDFLAGS get k"),
                        "*1 *2 $1 k *2 +RO +access ");
}

static void more_keys_than_fit_on_the_stack(void **state)
{
    struct slice argv[48] = {SLICE("COMMAND"), SLICE("GETKEYS"), SLICE("migrate"),
                             SLICE("h"),       SLICE("p"),       SLICE(""),
                             SLICE("0"),       SLICE("10"),      SLICE("keys")};
    for (int i = 9; i < 48; i++) argv[i] = slice_of(&"0123456789"[(i - 9) % 10], 1);
    struct reply *r = *state;
    r->out.len = 0;
    struct resp_writer w = {.out = &r->out, .proto = 2};
    introspect_getkeys(r->table, argv, 48, &w);
    assert_memory_equal(r->out.at, "*39\r\n$1\r\n0\r\n$1\r\n1\r\n", 19);
    assert_memory_equal(r->out.at + r->out.len - 7, "$1\r\n8\r\n", 7);
}

static void help(void **state)
{
    static const char *const lines[] = {"GET <pattern>", "    Show parameters.", NULL};
    struct reply *r = *state;
    r->out.len = 0;
    struct resp_writer w = {.out = &r->out, .proto = 2};
    command_help(&w, "config", lines);
    buffer_add_byte(&r->out, 0);
    assert_string_equal(r->out.at, "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. "
                                   "Subcommands are:\r\n+GET <pattern>\r\n+    Show parameters.\r\n"
                                   "+HELP\r\n+    Prints this help.\r\n");
    assert_non_null(strstr(reply_to(*state, 3, "COMMAND HELP"), "+COUNT "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(info),
        TEST(info_of_odd_keys),
        TEST(info_of_containers),
        TEST(all_and_count),
        TEST(docs),
        TEST(docs_of_arguments),
        TEST(list),
        TEST(getkeys),
        TEST(more_keys_than_fit_on_the_stack),
        TEST(help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
