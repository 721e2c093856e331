/* Defaults, copies, and CONFIG GET and SET over the table.
 *
 * A CONFIG SET of many directives is all or nothing, in three steps:
 *
 *   1. look:   every name is one of ours, may change now, and occurs once; else nothing happened
 *   2. read:   all values go into a copy of the configuration; a bad one, and the copy is dropped
 *   3. apply:  the copy takes the place of the original, then the hooks of what differs run in
 *              the order of the words; when one refuses, the original comes back and the hooks
 *              that had agreed run once more, last first, to return to it */
#include "config_table.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/glob.h"
#include "../base/mem.h"
#include "../base/text.h"

#include <stdarg.h>
#include <stdio.h>

const struct config_row *config_row_find(struct slice name)
{
    for (size_t i = 0; i < config_rows_count; i++)
        if (slice_is(name, config_rows[i].name)) return &config_rows[i];
    return NULL;
}

bool config_is_sensitive(struct slice name)
{
    const struct config_row *row = config_row_find(name);
    return row && (row->flags & CONFIG_SENSITIVE);
}

/* --- the life of a struct config ------------------------------------------------------------ */

static void each_text(struct config *c, void (*visit)(struct slice *text))
{
    for (size_t i = 0; i < config_rows_count; i++) {
        void *field = (char *)c + config_rows[i].offset;
        switch (config_rows[i].kind) {
        case KIND_TEXT:
        case KIND_PATH:
        case KIND_FILE: visit(field); break;
        case KIND_ADDRESSES:
            for (int n = 0; n < CONFIG_BIND_MAX; n++)
                visit(&((struct config_addresses *)field)->at[n]);
            break;
        default: break;
        }
    }
    visit(&c->file);
}

static void text_free(struct slice *text)
{
    if (text->at) mem_free((char *)text->at, text->len + 1);
    *text = (struct slice){0};
}

static void text_copy(struct slice *text)
{
    struct slice from = *text;
    *text = (struct slice){0};
    if (from.at) config_text_set(text, from);
}

void config_fini(struct config *c)
{
    each_text(c, text_free);
}

void config_copy(struct config *to, const struct config *from)
{
    *to = *from;
    each_text(to, text_copy);
}

void config_defaults(struct config *c)
{
    char why[CONFIG_ERROR_MAX];
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < config_rows_count; i++) {
        struct slice word = slice_text(config_rows[i].fallback);
        int rc = config_value_read(&config_rows[i], c, &word, 1, why, sizeof why);
        CHECK(rc == 0);
    }
    config_text_set(&c->file, SLICE(""));
}

/* --- CONFIG GET ----------------------------------------------------------------------------- */

/* The first pattern that the row's name matches; -1 when none does. */
static int pattern_for(const struct config_row *row, const struct slice *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (glob_match(patterns[i], slice_text(row->name), true)) return (int)i;
    return -1;
}

static bool is_literal(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (memchr("*?[\\", pattern.at[i], 4)) return false;
    return true;
}

void config_get(const struct config *c, const struct slice *patterns, size_t count,
                struct resp_writer *w)
{
    size_t matches = 0;
    for (size_t i = 0; i < config_rows_count; i++)
        matches += pattern_for(&config_rows[i], patterns, count) >= 0;
    resp_map(w, matches);

    struct buffer value = {0};
    for (size_t i = 0; i < config_rows_count; i++) {
        const struct config_row *row = &config_rows[i];
        int which = pattern_for(row, patterns, count);
        if (which < 0) continue;
        /* As Redis does: a name that is no pattern comes back as it was spelled. */
        resp_bulk(w, is_literal(patterns[which]) ? patterns[which] : slice_text(row->name));
        value.len = 0;
        config_value_print(row, c, false, &value);
        resp_bulk(w, buffer_slice(&value));
    }
    buffer_fini(&value);
}

/* --- CONFIG SET ----------------------------------------------------------------------------- */

struct setting {
    const struct config_row *row;
    struct slice value;
};

__attribute__((format(printf, 3, 4))) static int fail(char *error, size_t size, const char *format,
                                                      ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return ERR_SYNTAX;
}

static int fail_setting(char *error, size_t size, const struct config_row *row, const char *why)
{
    return fail(error, size, "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                row->name, why);
}

/* Step 1 for one name. */
static int look(const struct config *c, struct slice name, bool local,
                const struct setting *settings, size_t before, const struct config_row **found,
                char *error, size_t size)
{
    const struct config_row *row = config_row_find(name);
    if (!row) {
        int shown = name.len < CONFIG_NAME_SHOWN_MAX ? (int)name.len : CONFIG_NAME_SHOWN_MAX;
        return fail(error, size,
                    "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'", shown,
                    name.at);
    }
    if (row->flags & CONFIG_START)
        return fail_setting(error, size, row, "can't set immutable config");
    bool permitted =
        c->protected_configs == PERMIT_YES || (c->protected_configs == PERMIT_LOCAL && local);
    if ((row->flags & CONFIG_PROTECTED) && !permitted)
        return fail_setting(error, size, row, "can't set protected config");
    for (size_t i = 0; i < before; i++)
        if (settings[i].row == row) return fail_setting(error, size, row, "duplicate parameter");
    *found = row;
    return 0;
}

/* Step 2. */
static int read_all(struct config *c, const struct setting *settings, size_t count, char *error,
                    size_t size)
{
    char why[CONFIG_ERROR_MAX];
    struct slice nothing = SLICE("");
    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = settings[i].row;
        if (row->flags & CONFIG_SET_AFRESH)
            (void)config_value_read(row, c, &nothing, 1, why, sizeof why);
        if (config_value_read(row, c, &settings[i].value, 1, why, sizeof why) != 0)
            return fail_setting(error, size, row, why);
    }
    return 0;
}

/* Step 3. *before is what *c was; the caller releases what is left in it. */
static int apply_all(struct config *c, struct config *before, const struct config_hooks *hooks,
                     const struct setting *settings, size_t count, char *error, size_t size)
{
    config_hook *agreed[APPLY_COUNT];
    int agreements = 0;
    bool seen[APPLY_COUNT] = {[APPLY_NOTHING] = true};
    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = settings[i].row;
        config_hook *hook = hooks->apply[row->apply];
        if (!hook || seen[row->apply] || config_value_equal(row, c, before)) continue;
        seen[row->apply] = true;
        char why[CONFIG_ERROR_MAX] = "";
        if (hook(hooks->ctx, c, before, why, sizeof why) == 0) {
            agreed[agreements++] = hook;
            continue;
        }
        struct config refused = *c;
        *c = *before;
        *before = refused;
        while (agreements > 0) agreed[--agreements](hooks->ctx, c, before, why, sizeof why);
        return fail_setting(error, size, row, why);
    }
    return 0;
}

int config_set(struct config *c, const struct config_hooks *hooks, const struct slice *words,
               size_t count, bool local, char *error, size_t error_size)
{
    if (count == 0 || count % 2) return fail(error, error_size, "ERR syntax error");
    struct setting settings[CONFIG_ROWS_MAX];
    size_t many = 0;
    /* No name occurs twice, so that there are never more than there are rows. */
    for (size_t i = 0; i < count; i += 2) {
        const struct config_row *row = NULL;
        int rc = look(c, words[i], local, settings, many, &row, error, error_size);
        if (rc != 0) return rc;
        settings[many++] = (struct setting){row, words[i + 1]};
    }

    struct config next;
    config_copy(&next, c);
    int rc = read_all(&next, settings, many, error, error_size);
    if (rc == 0) {
        struct config before = *c;
        *c = next;
        next = before;
        rc = apply_all(c, &next, hooks, settings, many, error, error_size);
    }
    config_fini(&next);
    return rc;
}
