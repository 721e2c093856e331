/* INFO: sections of lines `name:value`, as tools read them.
 *
 * The names are Redis's, and a line is there when its value is true of Hark. What Hark does not
 * have is left out instead of being told as zero, but for those fields (rdb_*, aof_*) by which
 * tools judge whether a server is well. Sections stand in one order, however they were asked for,
 * with an empty line between two of them. */
#include "info.h"

#include "../base/assert.h"
#include "../base/text.h"

static void print_bytes(struct buffer *to, uint64_t bytes)
{
    char text[32];
    text_human_bytes(text, bytes);
    buffer_add_slice(to, slice_text(text));
}

static void print_value(struct buffer *to, const struct info_row *row, const struct facts *facts)
{
    const void *at = (const char *)facts + row->field;
    switch (row->kind) {
    case INFO_FIXED: buffer_printf(to, "%s", row->text); break;
    case INFO_TEXT: buffer_printf(to, "%s", *(const char *const *)at); break;
    case INFO_CHARS: buffer_printf(to, "%s", (const char *)at); break;
    case INFO_INT: buffer_printf(to, "%lld", (long long)*(const int64_t *)at); break;
    case INFO_UINT: buffer_printf(to, "%llu", (unsigned long long)*(const uint64_t *)at); break;
    case INFO_SIZE: buffer_printf(to, "%zu", *(const size_t *)at); break;
    case INFO_BYTES: print_bytes(to, *(const uint64_t *)at); break;
    case INFO_REAL: buffer_printf(to, "%.2f", *(const double *)at); break;
    case INFO_WHOLE: buffer_printf(to, "%.0f", *(const double *)at); break;
    case INFO_PERCENT: buffer_printf(to, "%.2f%%", *(const double *)at); break;
    case INFO_SECONDS: buffer_printf(to, "%.6f", (double)*(const int64_t *)at / 1e6); break;
    }
}

static void print_section(const struct info_section *section, struct server *s,
                          const struct facts *facts, struct buffer *to)
{
    if (to->len) buffer_add_slice(to, SLICE("\r\n"));
    buffer_printf(to, "# %s\r\n", section->name);
    for (size_t i = 0; i < section->rows_count; i++) {
        buffer_printf(to, "%s:", section->rows[i].name);
        print_value(to, &section->rows[i], facts);
        buffer_add_slice(to, SLICE("\r\n"));
    }
    if (section->print) section->print(s, to);
}

/* Marks the sections that a word of the request means; words that mean none are no error. */
static void want(bool *wanted, struct slice word)
{
    bool all = slice_is(word, "all") || slice_is(word, "everything");
    bool usual = slice_is(word, "default");
    for (size_t i = 0; i < info_sections_count; i++) {
        const struct info_section *section = &info_sections[i];
        if (all || (usual && !section->on_request) || slice_is(word, section->name))
            wanted[i] = true;
    }
}

static void info_command(struct call *c)
{
    struct server *s = call_server(c);
    struct buffer text = {0};
    struct facts facts;
    bool wanted[INFO_SECTIONS_MAX] = {0};
    CHECK(info_sections_count <= INFO_SECTIONS_MAX);
    if (c->argc == 1) want(wanted, SLICE("default"));
    for (int i = 1; i < c->argc; i++) want(wanted, call_arg(c, i));
    server_facts(s, &facts);
    for (size_t i = 0; i < info_sections_count; i++)
        if (wanted[i]) print_section(&info_sections[i], s, &facts, &text);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

void bind_info_commands(struct command_table *t)
{
    command_bind(t, "info", info_command);
}
