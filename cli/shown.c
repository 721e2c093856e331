/* Events as lines: for people, or of JSON. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static struct hark_text field(const struct shown *s, const char *name)
{
    for (size_t i = 0; i + 1 < s->fields_count; i += 2)
        if (s->fields[i].len == strlen(name) && memcmp(s->fields[i].at, name, strlen(name)) == 0)
            return s->fields[i + 1];
    return (struct hark_text){NULL, 0};
}

/* ---- JSON ---- */

/* How long the character is that begins here, by UTF-8's rules; 0: none does. */
static size_t utf8_char(const unsigned char *at, size_t left)
{
    size_t len = *at < 0x80   ? 1
                 : *at < 0xc2 ? 0
                 : *at < 0xe0 ? 2
                 : *at < 0xf0 ? 3
                 : *at < 0xf5 ? 4
                              : 0;
    if (len > left) return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if (len == 3 && at[0] == 0xe0 && at[1] < 0xa0) return 0;
    if (len == 3 && at[0] == 0xed && at[1] > 0x9f) return 0;
    if (len == 4 && at[0] == 0xf0 && at[1] < 0x90) return 0;
    return len == 4 && at[0] == 0xf4 && at[1] > 0x8f ? 0 : len;
}

static bool is_utf8(struct hark_text t)
{
    for (size_t i = 0, len; i < t.len; i += len) {
        len = utf8_char((const unsigned char *)t.at + i, t.len - i);
        if (!len) return false;
    }
    return true;
}

static void print_base64(FILE *to, struct hark_text t)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < t.len; i += 3) {
        unsigned bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < t.len ? (unsigned char)t.at[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            fputc(i + k <= t.len ? digits[bits >> (18 - 6 * k) & 63] : '=', to);
    }
}

/* "name":"value", or "name_b64":"…" for what is not UTF-8. */
static void print_member(FILE *to, const char *name, size_t name_len, struct hark_text value)
{
    bool text = is_utf8(value);
    fprintf(to, ",\"%.*s%s\":", (int)name_len, name, text ? "" : "_b64");
    if (text) {
        print_json_text(to, value.at, value.len);
        return;
    }
    fputc('"', to);
    print_base64(to, value);
    fputc('"', to);
}

/* Of a keyspace channel some fields are numbers, and one is JSON already. */
static bool is_bare(struct hark_text name)
{
    static const char *const names[] = {"db", "client", "effect", "effect_b64", "cut"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.len == strlen(names[i]) && memcmp(name.at, names[i], name.len) == 0) return true;
    return false;
}

void shown_print_json(FILE *to, const struct shown *s)
{
    if (s->id)
        fprintf(to, "{\"id\":\"%s\"", s->id);
    else
        fprintf(to, "{\"ms\":%lld", (long long)s->ms);
    if (s->channel.at) print_member(to, "channel", 7, s->channel);
    for (size_t i = 0; i + 1 < s->fields_count; i += 2) {
        struct hark_text name = s->fields[i], value = s->fields[i + 1];
        if (s->of_event && is_bare(name))
            fprintf(to, ",\"%.*s\":%.*s", (int)name.len, name.at, (int)value.len, value.at);
        else
            print_member(to, name.at, name.len, value);
    }
    fputc('}', to);
}

/* ---- for people ---- */

static void print_quoted(struct hark_text t)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, t.at, t.len);
    putchar(' ');
    fwrite(quoted.at, 1, quoted.len, stdout);
    text_fini(&quoted);
}

static void print_bare(struct hark_text t)
{
    putchar(' ');
    fwrite(t.at, 1, t.len, stdout);
}

static void print_event(const struct shown *s)
{
    struct hark_text event = field(s, "event"), key = field(s, "key"), db = field(s, "db");
    struct hark_text from = field(s, "from"), to = field(s, "to"), effect = field(s, "effect");
    if (event.len == 3 && memcmp(event.at, "gap", 3) == 0 && from.at && to.at) {
        printf(" gap: events from %s to %s are not kept any more", from.at, to.at);
        return;
    }
    if (event.at) print_bare(event);
    if (db.at) print_bare(db);
    if (key.at) print_quoted(key);
    for (size_t i = 0; i + 1 < s->fields_count; i += 2)
        if (s->fields[i].len == 6 && memcmp(s->fields[i].at, "subkey", 6) == 0)
            print_quoted(s->fields[i + 1]);
    if (effect.at) print_bare(effect);
}

void shown_print(const struct shown *s, bool json)
{
    if (json) {
        shown_print_json(stdout, s);
        putchar('\n');
        fflush(stdout);
        return;
    }
    moment_print(stdout, s->id ? atoll(s->id) : s->ms);
    printf(" %s", s->id ? s->id : "-");
    if (s->of_event) {
        print_event(s);
    } else {
        if (s->channel.at) print_quoted(s->channel);
        for (size_t i = 0; i < s->fields_count; i++) print_quoted(s->fields[i]);
    }
    putchar('\n');
    fflush(stdout);
}
