/* Reading the configuration: files, standard input, the command line.
 *
 * A line is a directive and its words, separated by blanks and quoted as text_split_words has it;
 * lines that are empty or start with '#' say nothing. `include` reads another file in its place,
 * or several, when it is a shell pattern; a relative name starts at the folder of the file that
 * includes it, so that it means the same whatever the working directory is. */
#include "config_table.h"

#include "../base/err.h"
#include "../base/text.h"
#include "../io/file.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { INCLUDE_DEPTH_MAX = 10 };

/* Where the words come from, for includes and for errors. */
struct source {
    struct config *c;
    const char *name; /* of the file; NULL: the command line */
    int line;
    int depth; /* of includes */
    char *error;
    size_t error_size;
};

static int read_directive(struct source *s, const struct slice *words, int count);

__attribute__((format(printf, 2, 3))) static int fail(struct source *s, const char *format, ...)
{
    int n = s->name ? snprintf(s->error, s->error_size, "%s:%d: ", s->name, s->line)
                    : snprintf(s->error, s->error_size, "command line: ");
    if (n < 0 || (size_t)n >= s->error_size) return ERR_SYNTAX;
    va_list args;
    va_start(args, format);
    vsnprintf(s->error + n, s->error_size - (size_t)n, format, args);
    va_end(args);
    return ERR_SYNTAX;
}

/* --- text ----------------------------------------------------------------------------------- */

static int read_line(struct source *s, struct slice line, struct buffer *store)
{
    struct slice words[CONFIG_LINE_WORDS_MAX];
    store->len = 0;
    if (config_line_is_comment(line)) return 0;
    int count = text_split_words(line, store, words, CONFIG_LINE_WORDS_MAX);
    if (count == ERR_SYNTAX) return fail(s, "unbalanced quotes");
    if (count < 0) return fail(s, "more than %d words", CONFIG_LINE_WORDS_MAX);
    return count == 0 ? 0 : read_directive(s, words, count);
}

static int read_lines(struct source *s, struct slice text)
{
    struct buffer store = {0};
    struct slice line;
    int rc = 0;
    while (rc == 0 && config_next_line(&text, &line)) {
        s->line++;
        rc = read_line(s, line, &store);
    }
    buffer_fini(&store);
    return rc;
}

int config_read_text(struct config *c, const char *name, struct slice text, char *error,
                     size_t error_size)
{
    struct source s = {.c = c, .name = name, .error = error, .error_size = error_size};
    return read_lines(&s, text);
}

bool config_next_line(struct slice *text, struct slice *line)
{
    if (text->len == 0) return false;
    const char *end = memchr(text->at, '\n', text->len);
    size_t len = end ? (size_t)(end - text->at) + 1 : text->len;
    *line = slice_of(text->at, end ? len - 1 : len);
    *text = slice_from(*text, len);
    return true;
}

bool config_line_is_comment(struct slice line)
{
    size_t i = 0;
    while (i < line.len && (line.at[i] == ' ' || line.at[i] == '\t' || line.at[i] == '\r')) i++;
    return i == line.len || line.at[i] == '#';
}

/* --- files ---------------------------------------------------------------------------------- */

static int read_file(struct source *from, const char *path)
{
    char why[CONFIG_ERROR_MAX];
    struct buffer text = {0};
    struct source s = *from;
    s.name = path;
    s.line = 0;
    s.depth++;
    int rc = io_file_read_all(path, &text, CONFIG_FILE_MAX, why, sizeof why);
    rc = rc == 0 ? read_lines(&s, buffer_slice(&text))
                 : fail(from, "cannot read '%s': %s", path, why);
    buffer_fini(&text);
    return rc;
}

static int visit_match(void *ctx, const char *path)
{
    return read_file(ctx, path);
}

static int read_include(struct source *s, const struct slice *words, int count)
{
    if (count != 2 || words[1].len == 0) return fail(s, "'include': wrong number of arguments");
    if (s->depth >= INCLUDE_DEPTH_MAX)
        return fail(s, "'include': files include each other more than %d deep", INCLUDE_DEPTH_MAX);
    const char *slash = s->name ? strrchr(s->name, '/') : NULL;
    int folder = words[1].at[0] == '/' || !slash ? 0 : (int)(slash - s->name) + 1;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s%.*s", folder, s->name ? s->name : "",
                     (int)words[1].len, words[1].at);
    if (n < 0 || (size_t)n >= sizeof path) return fail(s, "'include': the name is too long");
    if (!strpbrk(path, "*?[")) return read_file(s, path);

    char why[CONFIG_ERROR_MAX] = "";
    s->error[0] = '\0';
    int rc = io_file_each_match(path, visit_match, s, why, sizeof why);
    /* What went wrong inside a file has been told already. */
    return rc != 0 && why[0] ? fail(s, "cannot read '%s': %s", path, why) : rc;
}

static int read_directive(struct source *s, const struct slice *words, int count)
{
    if (slice_is(words[0], "include")) return read_include(s, words, count);
    char why[CONFIG_ERROR_MAX];
    const struct config_row *row = config_row_find(words[0]);
    if (!row) {
        config_unknown(words[0], why, sizeof why);
        return fail(s, "%s", why);
    }
    if (config_value_read(row, s->c, words + 1, count - 1, why, sizeof why) != 0)
        return fail(s, "'%s': %s", row->name, why);
    return 0;
}

/* --- the command line ----------------------------------------------------------------------- */

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] == '-' && arg[2];
}

/* The option at argv[i] with its values; returns where the next one starts. The value of a
 * directive that has just one may start with "--" itself. */
static int read_option(struct source *s, int argc, char *const *argv, int i)
{
    struct slice words[CONFIG_LINE_WORDS_MAX];
    int count = 0;
    words[count++] = slice_text(argv[i++] + 2);
    const struct config_row *row = config_row_find(words[0]);
    if (row && !(row->flags & CONFIG_WORDS) && i < argc) words[count++] = slice_text(argv[i++]);
    while (i < argc && !is_option(argv[i])) {
        if (count == CONFIG_LINE_WORDS_MAX)
            return fail(s, "more than %d words", CONFIG_LINE_WORDS_MAX);
        words[count++] = slice_text(argv[i++]);
    }
    int rc = read_directive(s, words, count);
    return rc == 0 ? i : rc;
}

static int load_stdin(struct source *s)
{
    char why[CONFIG_ERROR_MAX];
    struct buffer text = {0};
    int rc = io_stdin_read_all(&text, CONFIG_FILE_MAX, why, sizeof why);
    if (rc != 0) {
        rc = fail(s, "cannot read standard input: %s", why);
    } else {
        rc = config_read_text(s->c, "standard input", buffer_slice(&text), s->error, s->error_size);
    }
    buffer_fini(&text);
    return rc;
}

static int load_file(struct source *s, const char *path)
{
    char why[CONFIG_ERROR_MAX];
    struct buffer absolute = {0};
    int rc = io_file_absolute(path, &absolute, why, sizeof why);
    if (rc == 0)
        config_text_set(&s->c->file, buffer_slice(&absolute));
    else
        rc = fail(s, "cannot read '%s': %s", path, why);
    buffer_fini(&absolute);
    return rc == 0 ? read_file(s, path) : rc;
}

int config_load(struct config *c, int argc, char *const *argv, char *error, size_t error_size)
{
    struct source s = {.c = c, .error = error, .error_size = error_size};
    int i = 1;
    int rc = 0;
    bool from_stdin = false;
    if (i < argc && strcmp(argv[i], "-") == 0) {
        from_stdin = true;
        i++;
    } else if (i < argc && !is_option(argv[i])) {
        rc = load_file(&s, argv[i++]);
    }
    if (rc == 0 && from_stdin) rc = load_stdin(&s);
    while (rc == 0 && i < argc) {
        if (!is_option(argv[i]))
            return fail(&s, "'%s' is no directive: those start with --", argv[i]);
        i = read_option(&s, argc, argv, i);
        if (i < 0) rc = i;
    }
    return rc;
}
