#include "fields.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "../base/random.h"
#include "../ds/packed.h"
#include "fields_table.h"

enum { NO_DEADLINE = 0 }; /* in the third column */

/* ---- which form ---- */

static struct fields_table *table_of(const struct value *v)
{
    return v->at;
}

/* Columns of a packed row. */
static unsigned width_of(const struct value *v)
{
    return v->encoding == ENCODING_PACKED_TTL ? 3 : 2;
}

struct value fields_new(void)
{
    return (struct value){TYPE_HASH, ENCODING_PACKED, packed_new()};
}

size_t fields_count(const struct value *v)
{
    if (v->encoding == ENCODING_TABLE) return table_count(&table_of(v)->table);
    return packed_count(v->at) / width_of(v);
}

/* ---- rows of a packed list ---- */

struct row {
    packed_at name, value, deadline; /* the last one PACKED_NONE with two columns */
};

/* The row that begins there. */
static struct row row_at(const struct value *v, packed_at at)
{
    struct row row = {.name = at};
    if (!at) return row;
    row.value = packed_next(v->at, at);
    if (width_of(v) == 3) row.deadline = packed_next(v->at, row.value);
    return row;
}

static packed_at after_row(const struct value *v, struct row row)
{
    return packed_next(v->at, row.deadline ? row.deadline : row.value);
}

static int64_t row_deadline(const struct value *v, struct row row)
{
    int64_t deadline;
    if (!row.deadline) return -1;
    bool is_int = packed_is_int(v->at, row.deadline, &deadline);
    CHECK(is_int);
    return deadline == NO_DEADLINE ? -1 : deadline;
}

static struct row find_row(const struct value *v, struct slice name)
{
    return row_at(v, packed_find(v->at, packed_first(v->at), name, width_of(v) - 1));
}

static void read_row(const struct value *v, struct row row, struct field *out)
{
    out->name = packed_text(v->at, row.name, out->digits[0]);
    out->value = packed_text(v->at, row.value, out->digits[1]);
    out->deadline = row_deadline(v, row);
}

static void read_parts(struct field_parts parts, struct field *out)
{
    out->name = parts.name;
    out->value = parts.value;
    out->deadline = parts.deadline;
}

/* ---- looking ---- */

bool fields_get(const struct value *v, struct slice name, struct field *out)
{
    if (v->encoding == ENCODING_TABLE) {
        const char *field = fields_table_find(table_of(v), name);
        if (field) read_parts(field_parts(field), out);
        return field;
    }
    struct row row = find_row(v, name);
    if (row.name) read_row(v, row, out);
    return row.name;
}

bool fields_soonest(const struct value *v, struct field *out)
{
    if (v->encoding == ENCODING_TABLE) {
        const struct fields_table *t = table_of(v);
        if (t->heap_count) read_parts(field_parts(t->heap[0]), out);
        return t->heap_count;
    }
    if (v->encoding != ENCODING_PACKED_TTL || !packed_first(v->at)) return false;
    read_row(v, row_at(v, packed_first(v->at)), out);
    return out->deadline >= 0;
}

void fields_random(const struct value *v, struct random *random, struct field *out)
{
    if (v->encoding == ENCODING_TABLE) {
        read_parts(field_parts(table_random(&table_of(v)->table, random)), out);
        return;
    }
    size_t i = random_below(random, fields_count(v));
    read_row(v, row_at(v, packed_nth(v->at, (int64_t)(i * width_of(v)))), out);
}

size_t fields_past(const struct value *v, int64_t now_ms)
{
    if (v->encoding == ENCODING_TABLE) return fields_table_past(table_of(v), now_ms);
    if (v->encoding == ENCODING_PACKED) return 0;
    size_t past = 0;
    struct row row = row_at(v, packed_first(v->at));
    for (; row.name && field_is_past(row_deadline(v, row), now_ms); past++)
        row = row_at(v, after_row(v, row));
    return past;
}

/* ---- visiting ---- */

struct visiting {
    value_visit *visit;
    void *ctx;
};

static void visit_parts(void *ctx, void *field)
{
    const struct visiting *to = ctx;
    struct field_parts parts = field_parts(field);
    struct value_item item = {
        .member = parts.name, .second = parts.value, .deadline = parts.deadline};
    to->visit(to->ctx, &item);
}

static void visit_rows(const struct value *v, value_visit *visit, void *ctx)
{
    struct field field;
    for (struct row row = row_at(v, packed_first(v->at)); row.name;
         row = row_at(v, after_row(v, row))) {
        read_row(v, row, &field);
        struct value_item item = {
            .member = field.name, .second = field.value, .deadline = field.deadline};
        visit(ctx, &item);
    }
}

uint64_t fields_scan(const struct value *v, uint64_t cursor, size_t count, value_visit *visit,
                     void *ctx)
{
    if (v->encoding != ENCODING_TABLE) {
        visit_rows(v, visit, ctx);
        return 0;
    }
    struct visiting to = {visit, ctx};
    return table_scan_count(&table_of(v)->table, cursor, count, visit_parts, &to);
}

static void each(const struct value *v, value_visit *visit, void *ctx)
{
    uint64_t cursor = 0;
    do cursor = fields_scan(v, cursor, SIZE_MAX, visit, ctx);
    while (cursor);
}

/* ---- from one form to the next ---- */

static void put_in_table(void *ctx, const struct value_item *item)
{
    fields_table_put(ctx, (struct field_parts){item->member, item->second, item->deadline});
}

static void unpack(struct value *v, const unsigned char *secret)
{
    struct fields_table *t = fields_table_new(secret);
    table_reserve(&t->table, fields_count(v));
    visit_rows(v, put_in_table, t);
    packed_free(v->at);
    *v = (struct value){TYPE_HASH, ENCODING_TABLE, t};
}

static void add_column(void *ctx, const struct value_item *item)
{
    struct packed **p = ctx;
    *p = packed_append(packed_append(*p, item->member), item->second);
    *p = packed_append_int(*p, NO_DEADLINE);
}

static void widen(struct value *v)
{
    struct packed *wide = packed_new();
    visit_rows(v, add_column, &wide);
    packed_free(v->at);
    *v = (struct value){TYPE_HASH, ENCODING_PACKED_TTL, wide};
}

static bool is_too_long(struct slice text, const struct value_config *config)
{
    return text.len > config->hash_max_listpack_value;
}

static void note_long(void *ctx, const struct value_item *item)
{
    const struct value_config **config = ctx;
    if (*config && (is_too_long(item->member, *config) || is_too_long(item->second, *config)))
        *config = NULL;
}

void fields_fit(struct value *v, const struct value_config *config)
{
    if (v->encoding == ENCODING_TABLE) return;
    const struct value_config *fits = config;
    if (fields_count(v) <= config->hash_max_listpack_entries) visit_rows(v, note_long, &fits);
    if (!fits || fields_count(v) > config->hash_max_listpack_entries) unpack(v, config->secret);
}

void fields_expect(struct value *v, size_t count, const struct value_config *config)
{
    if (v->encoding != ENCODING_TABLE && count > config->hash_max_listpack_entries)
        unpack(v, config->secret);
}

/* Redis counts what is given, not what comes of it. */
void fields_prepare(struct value *v, const struct slice *pairs, size_t words,
                    const struct value_config *config)
{
    if (v->encoding == ENCODING_TABLE) return;
    bool too_many = words / 2 > config->hash_max_listpack_entries;
    size_t bytes = packed_bytes(v->at);
    for (size_t i = 0; i < words && !too_many; i++) {
        too_many = is_too_long(pairs[i], config);
        bytes += packed_cost(pairs[i]);
    }
    if (too_many || bytes > PACKED_BYTES_MAX / 2) unpack(v, config->secret);
}

/* ---- changing ---- */

/* Writes a row of three columns where its deadline wants it. */
static void insert_row(struct value *v, struct slice name, struct slice value, int64_t deadline)
{
    char digits[TEXT_INT_MAX];
    struct row row = {0};
    if (deadline >= 0) {
        row = row_at(v, packed_first(v->at));
        for (; row.name; row = row_at(v, after_row(v, row))) {
            int64_t other = row_deadline(v, row);
            if (other < 0 || other > deadline) break;
        }
    }
    struct slice column =
        slice_of(digits, text_from_int(digits, deadline >= 0 ? deadline : NO_DEADLINE));
    if (row.name) {
        v->at = packed_insert(v->at, row.name, column);
        v->at = packed_insert(v->at, row.name, value);
        v->at = packed_insert(v->at, row.name, name);
    } else {
        v->at = packed_append(packed_append(v->at, name), value);
        v->at = packed_append(v->at, column);
    }
}

/* A row that is there gets another deadline, and so another place. */
static void move_row(struct value *v, struct row row, int64_t deadline)
{
    char digits[2][TEXT_INT_MAX];
    struct packed *kept = packed_append(packed_new(), packed_text(v->at, row.name, digits[0]));
    kept = packed_append(kept, packed_text(v->at, row.value, digits[1]));
    v->at = packed_remove(v->at, row.name, 3);
    insert_row(v, packed_text(kept, packed_first(kept), digits[0]),
               packed_text(kept, packed_last(kept), digits[1]), deadline);
    packed_free(kept);
}

static bool set_packed(struct value *v, struct slice name, struct slice value, bool keep)
{
    struct row row = find_row(v, name);
    if (row.name) {
        v->at = packed_replace(v->at, row.value, value);
        row = row_at(v, row.name);
        if (!keep && row_deadline(v, row) >= 0) move_row(v, row, -1);
    } else if (v->encoding == ENCODING_PACKED_TTL) {
        insert_row(v, name, value, -1);
    } else {
        v->at = packed_append(packed_append(v->at, name), value);
    }
    return !row.name;
}

bool fields_set(struct value *v, struct slice name, struct slice value, bool keep,
                const struct value_config *config)
{
    fields_prepare(v, (struct slice[]){name, value}, 2, config);
    if (v->encoding != ENCODING_TABLE) {
        bool is_new = set_packed(v, name, value, keep);
        if (is_new && fields_count(v) > config->hash_max_listpack_entries)
            unpack(v, config->secret);
        return is_new;
    }
    struct field_parts parts = {name, value, -1};
    const char *old = keep ? fields_table_find(table_of(v), name) : NULL;
    if (old) parts.deadline = field_parts(old).deadline;
    return fields_table_put(table_of(v), parts);
}

bool fields_set_deadline(struct value *v, struct slice name, int64_t deadline)
{
    struct field field;
    if (!fields_get(v, name, &field)) return false;
    if (field.deadline == deadline) return true;
    if (v->encoding == ENCODING_TABLE) {
        fields_table_put(table_of(v), (struct field_parts){name, field.value, deadline});
        return true;
    }
    if (v->encoding == ENCODING_PACKED) widen(v);
    move_row(v, find_row(v, name), deadline);
    return true;
}

bool fields_remove(struct value *v, struct slice name)
{
    if (v->encoding == ENCODING_TABLE) return fields_table_remove(table_of(v), name);
    struct row row = find_row(v, name);
    if (row.name) v->at = packed_remove(v->at, row.name, width_of(v));
    return row.name;
}

/* ---- values from elsewhere ---- */

/* Is the third column in order? */
static bool deadlines_are_sound(const struct value *v)
{
    int64_t last = 0;
    for (struct row row = row_at(v, packed_first(v->at)); row.name;
         row = row_at(v, after_row(v, row))) {
        int64_t deadline;
        if (!packed_is_int(v->at, row.deadline, &deadline)) return false;
        if (deadline < 0 || deadline > FIELDS_DEADLINE_MAX) return false;
        if (deadline == NO_DEADLINE) deadline = INT64_MAX;
        if (deadline < last) return false;
        last = deadline;
    }
    return true;
}

bool fields_take_packed(struct packed *p, enum value_encoding encoding, struct value *out)
{
    struct value v = {TYPE_HASH, encoding, p};
    if (encoding != ENCODING_PACKED && encoding != ENCODING_PACKED_TTL) return false;
    if (packed_count(p) % width_of(&v) != 0) return false;
    if (encoding == ENCODING_PACKED_TTL && !deadlines_are_sound(&v)) return false;
    *out = v;
    return true;
}

/* One byte: the encoding. Packed, the list as it stands; otherwise how many, then each field. */
static void add_text(struct buffer *to, struct slice text, bool timed)
{
    char number[VARINT_MAX];
    size_t len = (size_t)(put_varint(number, (uint64_t)text.len << 1 | timed) - number);
    buffer_add(to, number, len);
    buffer_add_slice(to, text);
}

static void encode_item(void *ctx, const struct value_item *item)
{
    struct buffer *to = ctx;
    bool timed = item->deadline >= 0;
    add_text(to, item->member, timed);
    add_text(to, item->second, false);
    if (!timed) return;
    put64(buffer_reserve(to, sizeof(uint64_t)), (uint64_t)item->deadline);
    to->len += sizeof(uint64_t);
}

/* Their number; false, and all of it, when it is packed. */
static bool encode_head(const struct value *v, struct buffer *to)
{
    buffer_add_byte(to, (char)v->encoding);
    if (v->encoding != ENCODING_TABLE) {
        buffer_add_slice(to, packed_slice(v->at));
        return false;
    }
    to->len +=
        (size_t)(put_varint(buffer_reserve(to, VARINT_MAX), fields_count(v)) - (to->at + to->len));
    return true;
}

static void encode(const struct value *v, struct buffer *to)
{
    if (encode_head(v, to)) each(v, encode_item, to);
}

static bool encode_some(const struct value *v, struct value_progress *p, size_t bytes,
                        struct buffer *to)
{
    enum { FIELDS = 16 };
    size_t from = to->len;
    if (!p->begun && !encode_head(v, to)) return true;
    p->begun = true;
    do p->at = fields_scan(v, p->at, FIELDS, encode_item, to);
    while (p->at && to->len - from < bytes);
    return !p->at;
}

static bool take_text(struct slice *from, struct slice *text, bool *timed)
{
    uint64_t number;
    if (!take_varint(from, &number) || number >> 1 > from->len) return false;
    *timed = number & 1;
    *text = slice_of(from->at, (size_t)(number >> 1));
    *from = slice_from(*from, text->len);
    return true;
}

static bool take_parts(struct slice *from, struct field_parts *parts)
{
    bool timed, none;
    *parts = (struct field_parts){.deadline = -1};
    if (!take_text(from, &parts->name, &timed)) return false;
    if (!take_text(from, &parts->value, &none) || none) return false;
    if (!timed) return true;
    if (from->len < sizeof(uint64_t)) return false;
    parts->deadline = (int64_t)get64(from->at);
    *from = slice_from(*from, sizeof(uint64_t));
    return parts->deadline > 0 && parts->deadline <= FIELDS_DEADLINE_MAX;
}

static bool decode_table(struct slice *from, const unsigned char *secret, struct value *out)
{
    uint64_t count;
    if (!take_varint(from, &count) || count > from->len / 2) return false;
    struct fields_table *t = fields_table_new(secret);
    *out = (struct value){TYPE_HASH, ENCODING_TABLE, t};
    table_reserve(&t->table, (size_t)count);
    for (; count; count--) {
        struct field_parts parts;
        if (!take_parts(from, &parts) || !fields_table_put(t, parts)) {
            value_free(out);
            return false;
        }
    }
    return true;
}

/* What decode is given is one value and nothing behind it. */
static bool decode(struct slice *from, const struct value_config *config, struct value *out)
{
    if (!from->len) return false;
    enum value_encoding encoding = (enum value_encoding)(unsigned char)from->at[0];
    *from = slice_from(*from, 1);
    if (encoding == ENCODING_TABLE) return decode_table(from, config->secret, out);
    if (!packed_is_sound(*from)) return false;
    struct packed *p = packed_from(*from);
    *from = slice_from(*from, from->len);
    if (fields_take_packed(p, encoding, out)) return true;
    packed_free(p);
    return false;
}

/* ---- the kind ---- */

static size_t bytes(const struct value *v)
{
    if (v->encoding == ENCODING_TABLE) return fields_table_bytes(table_of(v));
    return mem_cost(packed_bytes(v->at));
}

static struct value copy(const struct value *v, const struct value_config *config)
{
    (void)config;
    struct value to = *v;
    if (v->encoding == ENCODING_TABLE)
        to.at = fields_table_copy(table_of(v));
    else
        to.at = packed_copy(v->at);
    return to;
}

static bool free_some(struct value *v, size_t elements)
{
    if (v->encoding == ENCODING_TABLE) return fields_table_free_some(table_of(v), elements);
    packed_free(v->at);
    return true;
}

static int64_t due(const struct value *v)
{
    struct field field;
    return fields_soonest(v, &field) ? field.deadline : -1;
}

const struct value_kind value_kind_hash = {
    .name = {"hash", 4},
    .count = fields_count,
    .bytes = bytes,
    .copy = copy,
    .free_some = free_some,
    .each = each,
    .encode = encode,
    .encode_some = encode_some,
    .decode = decode,
    .due = due,
};

void fields_check(const struct value *v)
{
    if (v->encoding == ENCODING_TABLE)
        fields_table_check(table_of(v));
    else
        CHECK(packed_is_sound(packed_slice(v->at)) && packed_count(v->at) % width_of(v) == 0 &&
              (v->encoding == ENCODING_PACKED || deadlines_are_sound(v)));
}
