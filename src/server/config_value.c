/* The kinds of value: for each one function that reads words into the field and one that prints
 * the field. Texts of errors are those of Redis, because clients and tests look at them. */
#include "config_table.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../record/events.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct why {
    char *to;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct why *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->to, why->size, format, args);
    va_end(args);
    return ERR_SYNTAX;
}

static int within_range(const struct config_row *row, int64_t value, struct why *why)
{
    if (value >= row->min && value <= row->max) return 0;
    return refuse(why, "argument must be between %" PRId64 " and %" PRId64 " inclusive", row->min,
                  row->max);
}

/* --- one word ------------------------------------------------------------------------------- */

static int read_bool(const struct config_row *row, void *field, const struct slice *words,
                     int count, struct why *why)
{
    (void)row, (void)count;
    bool yes = slice_is(words[0], "yes");
    if (!yes && !slice_is(words[0], "no")) return refuse(why, "argument must be 'yes' or 'no'");
    *(bool *)field = yes;
    return 0;
}

static void print_bool(const struct config_row *row, const void *field, bool units,
                       struct buffer *to)
{
    (void)row, (void)units;
    buffer_add_slice(to, *(const bool *)field ? SLICE("yes") : SLICE("no"));
}

static int read_int(const struct config_row *row, void *field, const struct slice *words, int count,
                    struct why *why)
{
    (void)count;
    int64_t value;
    if (!text_to_int(words[0], &value))
        return refuse(why, "argument couldn't be parsed into an integer");
    int rc = within_range(row, value, why);
    if (rc == 0) *(int64_t *)field = value;
    return rc;
}

static void print_int(const struct config_row *row, const void *field, bool units,
                      struct buffer *to)
{
    (void)row, (void)units;
    buffer_printf(to, "%" PRId64, *(const int64_t *)field);
}

static int read_octal(const struct config_row *row, void *field, const struct slice *words,
                      int count, struct why *why)
{
    (void)count;
    int64_t value = 0;
    bool digits = words[0].len > 0;
    for (size_t i = 0; i < words[0].len && digits; i++) {
        digits = words[0].at[i] >= '0' && words[0].at[i] <= '7' && value <= INT32_MAX;
        value = value * 8 + (words[0].at[i] - '0');
    }
    if (!digits) return refuse(why, "argument couldn't be parsed as an octal number");
    if (value < row->min || value > row->max)
        return refuse(why, "argument must be between %" PRIo64 " and %" PRIo64 " inclusive",
                      (uint64_t)row->min, (uint64_t)row->max);
    *(int64_t *)field = value;
    return 0;
}

static void print_octal(const struct config_row *row, const void *field, bool units,
                        struct buffer *to)
{
    (void)row, (void)units;
    buffer_printf(to, "%" PRIo64, *(const uint64_t *)field);
}

static int read_bytes(const struct config_row *row, void *field, const struct slice *words,
                      int count, struct why *why)
{
    (void)count;
    uint64_t value;
    if (!text_to_bytes(words[0], &value)) return refuse(why, "argument must be a memory value");
    int rc = within_range(row, value > INT64_MAX ? -1 : (int64_t)value, why);
    if (rc == 0) *(uint64_t *)field = value;
    return rc;
}

static void print_size(uint64_t bytes, bool units, struct buffer *to)
{
    static const char *const names[] = {"", "kb", "mb", "gb"};
    int unit = 0;
    while (units && unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buffer_printf(to, "%" PRIu64 "%s", bytes, names[unit]);
}

static void print_bytes(const struct config_row *row, const void *field, bool units,
                        struct buffer *to)
{
    (void)row;
    print_size(*(const uint64_t *)field, units, to);
}

static int read_enum(const struct config_row *row, void *field, const struct slice *words,
                     int count, struct why *why)
{
    (void)count;
    for (int i = 0; row->words[i]; i++) {
        if (!slice_is(words[0], row->words[i])) continue;
        *(unsigned *)field = (unsigned)i;
        return 0;
    }
    struct buffer list = {0};
    for (int i = 0; row->words[i]; i++) buffer_printf(&list, "%s%s", i ? ", " : "", row->words[i]);
    int rc = refuse(why, "argument(s) must be one of the following: %.*s", (int)list.len, list.at);
    buffer_fini(&list);
    return rc;
}

static void print_enum(const struct config_row *row, const void *field, bool units,
                       struct buffer *to)
{
    (void)units;
    buffer_add_slice(to, slice_text(row->words[*(const unsigned *)field]));
}

void config_text_set(struct slice *field, struct slice text)
{
    char *copy = mem_alloc(text.len + 1);
    if (text.len) memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (field->at) mem_free((char *)field->at, field->len + 1);
    *field = slice_of(copy, text.len);
}

static int read_text(const struct config_row *row, void *field, const struct slice *words,
                     int count, struct why *why)
{
    (void)count;
    if (words[0].len > (size_t)row->max)
        return refuse(why, "argument must be at most %" PRId64 " bytes long", row->max);
    if (row->kind == KIND_FILE && (!words[0].len || memchr(words[0].at, '/', words[0].len)))
        return refuse(why, "%s can't be a path, just a filename", row->name);
    if (row->kind != KIND_TEXT && words[0].len && memchr(words[0].at, '\0', words[0].len))
        return refuse(why, "argument must not contain NUL bytes");
    config_text_set(field, words[0]);
    return 0;
}

static void print_text(const struct config_row *row, const void *field, bool units,
                       struct buffer *to)
{
    (void)row, (void)units;
    buffer_add_slice(to, *(const struct slice *)field);
}

static int read_events(const struct config_row *row, void *field, const struct slice *words,
                       int count, struct why *why)
{
    (void)row, (void)count;
    if (notify_from_text(words[0], field) == 0) return 0;
    char letters[NOTIFY_TEXT_MAX * 2];
    size_t n = 0;
    for (int bit = 0; bit < 32 && n < NOTIFY_TEXT_MAX; bit++)
        n += notify_to_text(letters + n, (uint32_t)1 << bit);
    return refuse(why, "Invalid event class character. Use 'A%.*s'.", (int)n, letters);
}

static void print_events(const struct config_row *row, const void *field, bool units,
                         struct buffer *to)
{
    (void)row, (void)units;
    char text[NOTIFY_TEXT_MAX];
    buffer_add(to, text, notify_to_text(text, *(const uint32_t *)field));
}

/* --- several words -------------------------------------------------------------------------- */

static int read_addresses(const struct config_row *row, void *field, const struct slice *words,
                          int count, struct why *why)
{
    (void)row;
    struct config_addresses *list = field;
    if (count > CONFIG_BIND_MAX) return refuse(why, "Too many bind addresses specified.");
    for (int i = 0; i < count; i++)
        if (words[i].len && memchr(words[i].at, '\0', words[i].len))
            return refuse(why, "argument must not contain NUL bytes");
    for (int i = 0; i < count; i++) config_text_set(&list->at[i], words[i]);
    for (int i = count; i < list->count; i++) {
        mem_free((char *)list->at[i].at, list->at[i].len + 1);
        list->at[i] = (struct slice){0};
    }
    list->count = count;
    return 0;
}

static void print_addresses(const struct config_row *row, const void *field, bool units,
                            struct buffer *to)
{
    (void)row, (void)units;
    const struct config_addresses *list = field;
    for (int i = 0; i < list->count; i++) {
        if (i) buffer_add_byte(to, ' ');
        buffer_add_slice(to, list->at[i]);
    }
}

static int output_class(struct slice word)
{
    if (slice_is(word, "normal")) return OUTPUT_NORMAL;
    if (slice_is(word, "slave") || slice_is(word, "replica")) return OUTPUT_REPLICA;
    if (slice_is(word, "pubsub")) return OUTPUT_PUBSUB;
    return ERR_SYNTAX;
}

/* Classes that are not named keep their limits. */
static int read_output_limits(const struct config_row *row, void *field, const struct slice *words,
                              int count, struct why *why)
{
    (void)row;
    if (count % 4) return refuse(why, "Wrong number of arguments in buffer limit configuration.");
    struct config_output_limit read[OUTPUT_CLASSES];
    memcpy(read, field, sizeof read);
    for (int i = 0; i < count; i += 4) {
        int class = output_class(words[i]);
        if (class < 0)
            return refuse(why, "Invalid client class specified in buffer limit configuration.");
        struct config_output_limit *limit = &read[class];
        if (!text_to_bytes(words[i + 1], &limit->hard) ||
            !text_to_bytes(words[i + 2], &limit->soft) ||
            !text_to_int(words[i + 3], &limit->soft_seconds) || limit->soft_seconds < 0)
            return refuse(why, "Error in hard, soft or soft_seconds setting in buffer limit "
                               "configuration.");
    }
    memcpy(field, read, sizeof read);
    return 0;
}

static void print_output_limits(const struct config_row *row, const void *field, bool units,
                                struct buffer *to)
{
    static const char *const names[] = {"normal ", " slave ", " pubsub "};
    (void)row;
    const struct config_output_limit *limits = field;
    for (int class = 0; class < OUTPUT_CLASSES; class ++) {
        buffer_add_slice(to, slice_text(names[class]));
        print_size(limits[class].hard, units, to);
        buffer_add_byte(to, ' ');
        print_size(limits[class].soft, units, to);
        buffer_printf(to, " %" PRId64, limits[class].soft_seconds);
    }
}

static int read_percentiles(const struct config_row *row, void *field, const struct slice *words,
                            int count, struct why *why)
{
    struct config_percentiles read = {.count = count};
    if (count > CONFIG_PERCENTILES_MAX)
        return refuse(why, "at most %d %s parameters", CONFIG_PERCENTILES_MAX, row->name);
    for (int i = 0; i < count; i++) {
        if (!text_to_double(words[i], &read.at[i]))
            return refuse(why, "Invalid %s parameters", row->name);
        if (read.at[i] < 0 || read.at[i] > 100)
            return refuse(why, "%s parameters should sit between [0.0,100.0]", row->name);
    }
    *(struct config_percentiles *)field = read;
    return 0;
}

static void print_percentiles(const struct config_row *row, const void *field, bool units,
                              struct buffer *to)
{
    (void)row, (void)units;
    const struct config_percentiles *list = field;
    char digits[TEXT_DOUBLE_MAX];
    for (int i = 0; i < list->count; i++) {
        if (i) buffer_add_byte(to, ' ');
        buffer_add(to, digits, text_from_double(digits, list->at[i]));
    }
}

/* No words are none of them, and forget what there was. */
static int read_saves(const struct config_row *row, void *field, const struct slice *words,
                      int count, struct why *why)
{
    (void)row;
    struct config_saves read = *(struct config_saves *)field;
    if (count == 1 && words[0].len == 0) count = 0;
    if (count == 0) read.count = 0;
    if (count % 2) return refuse(why, "Invalid save parameters");
    for (int i = 0; i < count; i += 2) {
        struct config_save point;
        if (!text_to_int(words[i], &point.seconds) || point.seconds < 1 ||
            point.seconds > INT32_MAX || !text_to_int(words[i + 1], &point.changes) ||
            point.changes < 0)
            return refuse(why, "Invalid save parameters");
        if (read.count == CONFIG_SAVES_MAX)
            return refuse(why, "at most %d save parameters", CONFIG_SAVES_MAX);
        read.at[read.count++] = point;
    }
    *(struct config_saves *)field = read;
    return 0;
}

static void print_saves(const struct config_row *row, const void *field, bool units,
                        struct buffer *to)
{
    (void)row, (void)units;
    const struct config_saves *list = field;
    for (int i = 0; i < list->count; i++)
        buffer_printf(to, "%s%" PRId64 " %" PRId64, i ? " " : "", list->at[i].seconds,
                      list->at[i].changes);
}

/* --- all kinds ------------------------------------------------------------------------------ */

static const struct {
    int (*read)(const struct config_row *row, void *field, const struct slice *words, int count,
                struct why *why);
    void (*print)(const struct config_row *row, const void *field, bool units, struct buffer *to);
} kinds[KIND_COUNT] = {
    [KIND_BOOL] = {read_bool, print_bool},
    [KIND_INT] = {read_int, print_int},
    [KIND_BYTES] = {read_bytes, print_bytes},
    [KIND_OCTAL] = {read_octal, print_octal},
    [KIND_ENUM] = {read_enum, print_enum},
    [KIND_TEXT] = {read_text, print_text},
    [KIND_PATH] = {read_text, print_text},
    [KIND_FILE] = {read_text, print_text},
    [KIND_ADDRESSES] = {read_addresses, print_addresses},
    [KIND_EVENTS] = {read_events, print_events},
    [KIND_OUTPUT_LIMITS] = {read_output_limits, print_output_limits},
    [KIND_PERCENTILES] = {read_percentiles, print_percentiles},
    [KIND_SAVES] = {read_saves, print_saves},
};

static int split_at_blanks(struct slice text, struct slice *words, int max)
{
    int count = 0;
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len && text.at[i] != ' ') i++;
        if (i > from) {
            if (count == max) return ERR_LIMIT;
            words[count++] = slice_of(text.at + from, i - from);
        }
        while (i < text.len && text.at[i] == ' ') i++;
    }
    return count;
}

int config_value_read(const struct config_row *row, struct config *c, const struct slice *words,
                      int count, char *why, size_t why_size)
{
    struct why say = {why, why_size};
    struct slice split[CONFIG_LINE_WORDS_MAX];
    if ((row->flags & CONFIG_WORDS) && count == 1) {
        count = split_at_blanks(words[0], split, CONFIG_LINE_WORDS_MAX);
        if (count < 0) return refuse(&say, "wrong number of arguments");
        words = split;
    }
    if (!(row->flags & CONFIG_WORDS) && count != 1)
        return refuse(&say, "wrong number of arguments");
    return kinds[row->kind].read(row, (char *)c + row->offset, words, count, &say);
}

void config_value_print(const struct config_row *row, const struct config *c, bool for_file,
                        struct buffer *to)
{
    kinds[row->kind].print(row, (const char *)c + row->offset, for_file, to);
}

bool config_value_equal(const struct config_row *row, const struct config *a,
                        const struct config *b)
{
    struct buffer texts[2] = {0};
    config_value_print(row, a, false, &texts[0]);
    config_value_print(row, b, false, &texts[1]);
    bool equal = slice_equal(buffer_slice(&texts[0]), buffer_slice(&texts[1]));
    buffer_fini(&texts[0]);
    buffer_fini(&texts[1]);
    return equal;
}
