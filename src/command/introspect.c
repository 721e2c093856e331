#include "introspect.h"

#include "../base/assert.h"
#include "../base/glob.h"
#include "../base/mem.h"
#include "../base/text.h"

/* Names of a set -------------------------------------------------------------------------- */

/* A set of the names that the bits have; bits without a name are left out. */
static void write_bits(struct resp_writer *w, uint32_t bits, struct slice (*name_of)(unsigned bit))
{
    size_t named = 0;
    for (uint32_t left = bits; left; left &= left - 1)
        named += name_of((unsigned)__builtin_ctz(left)).len != 0;
    resp_set(w, named);
    for (uint32_t left = bits; left; left &= left - 1) {
        struct slice name = name_of((unsigned)__builtin_ctz(left));
        if (name.len) resp_simple(w, name);
    }
}

static void write_categories(struct resp_writer *w, uint32_t bits)
{
    resp_set(w, (size_t)__builtin_popcount(bits));
    for (; bits; bits &= bits - 1) {
        struct slice name = command_category_name((unsigned)__builtin_ctz(bits));
        char text[32] = "@";
        memcpy(text + 1, name.at, name.len);
        resp_simple(w, slice_of(text, name.len + 1));
    }
}

static void write_texts(struct resp_writer *w, const struct slice *texts, size_t count)
{
    resp_set(w, count);
    for (size_t i = 0; i < count; i++) resp_bulk(w, texts[i]);
}

/* A pair of a map; the second writes nothing for an empty text. */
static void write_int_field(struct resp_writer *w, const char *field, int64_t value)
{
    resp_bulk_text(w, field);
    resp_int(w, value);
}

static void write_text_field(struct resp_writer *w, const char *field, struct slice text)
{
    if (text.len == 0) return;
    resp_bulk_text(w, field);
    resp_bulk(w, text);
}

/* COMMAND INFO ---------------------------------------------------------------------------- */

/* Opens {"type": type, "spec": { `pairs` to follow }}. */
static void open_search(struct resp_writer *w, const char *field, const char *type, size_t pairs)
{
    resp_bulk_text(w, field);
    resp_map(w, 2);
    write_text_field(w, "type", slice_text(type));
    resp_bulk_text(w, "spec");
    resp_map(w, pairs);
}

static void write_key_spec(struct resp_writer *w, const struct command_key_spec *spec)
{
    resp_map(w, 3);
    resp_bulk_text(w, "flags");
    write_bits(w, spec->flags, command_key_flag_name);
    switch ((enum command_begin_search)spec->begin) {
    case BEGIN_INDEX:
        open_search(w, "begin_search", "index", 1);
        write_int_field(w, "index", spec->pos);
        break;
    case BEGIN_KEYWORD:
        open_search(w, "begin_search", "keyword", 2);
        write_text_field(w, "keyword", spec->keyword);
        write_int_field(w, "startfrom", spec->pos);
        break;
    case BEGIN_UNKNOWN: open_search(w, "begin_search", "unknown", 0); break;
    }
    switch ((enum command_find_keys)spec->find) {
    case FIND_RANGE:
        open_search(w, "find_keys", "range", 3);
        write_int_field(w, "lastkey", spec->range.last);
        write_int_field(w, "keystep", spec->range.step);
        write_int_field(w, "limit", spec->range.limit);
        break;
    case FIND_KEYNUM:
        open_search(w, "find_keys", "keynum", 3);
        write_int_field(w, "keynumidx", spec->keynum.index);
        write_int_field(w, "firstkey", spec->keynum.first);
        write_int_field(w, "keystep", spec->keynum.step);
        break;
    case FIND_UNKNOWN: open_search(w, "find_keys", "unknown", 0); break;
    }
}

static void write_info(struct resp_writer *w, const struct command *c)
{
    const struct command_spec *s = c->spec;
    resp_array(w, 10);
    resp_bulk(w, s->name);
    resp_int(w, s->arity);
    write_bits(w, s->flags, command_flag_name);
    resp_int(w, s->first_key);
    resp_int(w, s->last_key);
    resp_int(w, s->key_step);
    write_categories(w, s->categories);
    write_texts(w, s->tips, s->tips_count);
    resp_set(w, s->key_specs_count);
    for (int i = 0; i < s->key_specs_count; i++) write_key_spec(w, &s->key_specs[i]);
    if (c->subs_count == 0) {
        resp_set(w, 0);
        return;
    }
    resp_array(w, c->subs_count);
    for (unsigned i = 0; i < c->subs_count; i++) write_info(w, c->subs[i]);
}

/* The next command that is no subcommand, from *id on, or NULL. */
static struct command *next_command(const struct command_table *t, size_t *id)
{
    for (size_t specs = command_specs_count(); *id < specs;) {
        struct command *c = command_at(t, (*id)++);
        if (c && !c->parent) return c;
    }
    return NULL;
}

void introspect_all(const struct command_table *t, struct resp_writer *w)
{
    resp_array(w, command_count(t));
    size_t id = 0;
    for (struct command *c; (c = next_command(t, &id));) write_info(w, c);
}

void introspect_count(const struct command_table *t, struct resp_writer *w)
{
    resp_int(w, (int64_t)command_count(t));
}

void introspect_info(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w)
{
    if (argc == 2) {
        introspect_all(t, w);
        return;
    }
    resp_array(w, (size_t)argc - 2);
    for (int i = 2; i < argc; i++) {
        struct command *c = command_named(t, argv[i]);
        if (c)
            write_info(w, c);
        else
            resp_null(w);
    }
}

/* COMMAND DOCS ---------------------------------------------------------------------------- */

static void write_args(struct resp_writer *w, const struct command_arg *args, size_t count)
{
    resp_bulk_text(w, "arguments");
    resp_array(w, count);
    for (size_t i = 0; i < count; i++) {
        const struct command_arg *a = &args[i];
        resp_map(w, 2 + (a->key_spec >= 0) + (a->token.len != 0) + (a->since.len != 0) +
                        (a->flags != 0) + (a->args_count != 0));
        write_text_field(w, "name", a->name);
        write_text_field(w, "type", command_arg_type_name(a->type));
        if (a->key_spec >= 0) write_int_field(w, "key_spec_index", a->key_spec);
        write_text_field(w, "token", a->token);
        write_text_field(w, "since", a->since);
        if (a->flags) {
            resp_bulk_text(w, "flags");
            write_bits(w, a->flags, command_arg_flag_name);
        }
        if (a->args_count) write_args(w, a->args, a->args_count);
    }
}

static void write_doc_flags(struct resp_writer *w, bool deprecated, bool system)
{
    if (!deprecated && !system) return;
    resp_bulk_text(w, "doc_flags");
    resp_set(w, deprecated + system);
    if (deprecated) resp_simple(w, SLICE("deprecated"));
    if (system) resp_simple(w, SLICE("syscmd"));
}

/* The name and the map of what is known about it: a pair of a map. */
static void write_docs(struct resp_writer *w, const struct command *c)
{
    const struct command_spec *s = c->spec;
    bool deprecated = s->deprecated_since.len != 0;
    resp_bulk(w, s->name);
    resp_map(w, 3 + (s->complexity.len != 0) + (deprecated || s->system) + 2 * deprecated +
                    (s->args_count != 0) + (c->subs_count != 0));
    write_text_field(w, "summary", s->summary);
    write_text_field(w, "since", s->since);
    write_text_field(w, "group", command_group_name(s->group));
    write_text_field(w, "complexity", s->complexity);
    write_doc_flags(w, deprecated, s->system);
    write_text_field(w, "deprecated_since", s->deprecated_since);
    write_text_field(w, "replaced_by", s->replaced_by);
    if (s->args_count) write_args(w, s->args, s->args_count);
    if (c->subs_count == 0) return;
    resp_bulk_text(w, "subcommands");
    resp_map(w, c->subs_count);
    for (unsigned i = 0; i < c->subs_count; i++) write_docs(w, c->subs[i]);
}

void introspect_docs(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w)
{
    if (argc == 2) {
        resp_map(w, command_count(t));
        size_t id = 0;
        for (struct command *c; (c = next_command(t, &id));) write_docs(w, c);
        return;
    }
    size_t known = 0;
    for (int i = 2; i < argc; i++) known += command_named(t, argv[i]) != NULL;
    resp_map(w, known);
    for (int i = 2; i < argc; i++) {
        struct command *c = command_named(t, argv[i]);
        if (c) write_docs(w, c);
    }
}

/* COMMAND LIST ---------------------------------------------------------------------------- */

struct filter {
    uint32_t categories; /* one of these */
    struct slice pattern;
};

static bool passes(const struct command *c, const struct filter *f)
{
    return c && (c->spec->categories & f->categories) &&
           glob_match(f->pattern, c->spec->name, true);
}

void introspect_list(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w)
{
    struct filter filter = {.categories = UINT32_MAX, .pattern = SLICE("*")};
    if (argc == 5 && slice_is(argv[2], "filterby") && slice_is(argv[3], "module")) {
        filter.categories = 0; /* there are no modules */
    } else if (argc == 5 && slice_is(argv[2], "filterby") && slice_is(argv[3], "aclcat")) {
        filter.categories = command_category_named(argv[4]);
    } else if (argc == 5 && slice_is(argv[2], "filterby") && slice_is(argv[3], "pattern")) {
        filter.pattern = argv[4];
    } else if (argc != 2) {
        resp_error(w, SLICE("ERR syntax error"));
        return;
    }
    size_t specs = command_specs_count(), passed = 0;
    for (size_t id = 0; id < specs; id++) passed += passes(command_at(t, id), &filter);
    resp_array(w, passed);
    for (size_t id = 0; id < specs; id++) {
        const struct command *c = command_at(t, id);
        if (passes(c, &filter)) resp_bulk(w, c->spec->name);
    }
}

/* COMMAND GETKEYS ------------------------------------------------------------------------- */

static void write_keys(struct resp_writer *w, const struct slice *argv,
                       const struct command_key *keys, int count, bool with_flags)
{
    resp_array(w, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (with_flags) resp_array(w, 2);
        resp_bulk(w, argv[keys[i].pos]);
        if (with_flags) write_bits(w, keys[i].flags, command_key_flag_name);
    }
}

static void reply_keys(const struct command_table *t, const struct slice *argv, int argc,
                       bool with_flags, struct resp_writer *w)
{
    struct command *c;
    if (command_find(t, argv, argc, &c) != COMMAND_FOUND) {
        resp_error(w, SLICE("ERR Invalid command specified"));
        return;
    }
    const struct command_spec *spec = c->spec;
    if (!command_has_keys(spec)) {
        resp_error(w, SLICE("ERR The command has no key arguments"));
        return;
    }
    if (!command_arity_fits(spec, argc)) {
        resp_error(w, SLICE("ERR Invalid number of arguments specified for command"));
        return;
    }
    struct command_key few[32], *keys = few;
    int room = sizeof few / sizeof *few, count = command_keys(spec, argv, argc, few, room);
    if (count > room) {
        keys = mem_alloc((size_t)count * sizeof *keys);
        command_keys(spec, argv, argc, keys, count);
    }
    if (count > 0)
        write_keys(w, argv, keys, count, with_flags);
    else if (spec->flags & FLAG_NO_MANDATORY_KEYS)
        resp_array(w, 0);
    else
        resp_error(w, SLICE("ERR Invalid arguments specified for command"));
    if (keys != few) mem_free(keys, (size_t)count * sizeof *keys);
}

void introspect_getkeys(const struct command_table *t, const struct slice *argv, int argc,
                        struct resp_writer *w)
{
    reply_keys(t, argv + 2, argc - 2, false, w);
}

void introspect_getkeysandflags(const struct command_table *t, const struct slice *argv, int argc,
                                struct resp_writer *w)
{
    reply_keys(t, argv + 2, argc - 2, true, w);
}

/* HELP ------------------------------------------------------------------------------------ */

void introspect_help(struct resp_writer *w)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Describe every command: arity, flags, keys, categories.",
        "COUNT",
        "    Count the commands.",
        "DOCS [<command> ...]",
        "    Document the commands given, or all, for people.",
        "GETKEYS <request>",
        "    Pick the keys out of a whole request.",
        "GETKEYSANDFLAGS <request>",
        "    Pick the keys out of a whole request and tell how each is used.",
        "INFO [<command> ...]",
        "    Describe the commands given, or all.",
        "LIST [FILTERBY (MODULE <module>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Name the commands and subcommands, or those that pass the filter.",
        NULL,
    };
    command_help(w, "command", lines);
}

void command_help(struct resp_writer *w, const char *name, const char *const *lines)
{
    char head[128];
    struct slice rest = SLICE(" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    size_t len = strlen(name), count = 0;
    while (lines[count]) count++;
    CHECK(len + rest.len <= sizeof head);
    for (size_t i = 0; i < len; i++) head[i] = text_upper(name[i]);
    memcpy(head + len, rest.at, rest.len);
    resp_array(w, count + 3);
    resp_simple(w, slice_of(head, len + rest.len));
    for (size_t i = 0; i < count; i++) resp_simple(w, slice_text(lines[i]));
    resp_simple(w, SLICE("HELP"));
    resp_simple(w, SLICE("    Prints this help."));
}
