/* The layout stands in docs/format/snapshot.md. */
#include "entry_codec.h"

#include "../base/little.h"

enum { HEAD_BYTES = 5, IMAGE_HAS_DEADLINE = 1, LENGTH_BYTES = 8 };

/* All but the value. */
static void encode_head(struct buffer *to, int db, const struct entry *e)
{
    struct slice key = entry_key(e);
    int64_t deadline = entry_deadline(e);
    size_t most = HEAD_BYTES + sizeof deadline + 3 * VARINT_MAX + key.len;
    char *from = buffer_reserve(to, most), *p = from;
    *p++ = (char)(entry_type(e) == TYPE_STRING ? e->kind : entry_type(e));
    *p++ = deadline >= 0 ? IMAGE_HAS_DEADLINE : 0;
    memcpy(p, e->access, sizeof e->access);
    p = put_varint(p + sizeof e->access, (uint64_t)db);
    if (deadline >= 0) {
        put64(p, (uint64_t)deadline);
        p += sizeof deadline;
    }
    p = put_varint(p, key.len);
    if (key.len) memcpy(p, key.at, key.len);
    p += key.len;
    if (entry_type(e) == TYPE_STRING) p = put_varint(p, entry_string(e).len);
    to->len += (size_t)(p - from);
}

/* Its length, then what its type makes of it. */
static void encode_value(struct buffer *to, const struct value *v)
{
    buffer_reserve(to, LENGTH_BYTES);
    to->len += LENGTH_BYTES;
    size_t from = to->len;
    value_kind(v->type)->encode(v, to);
    put64(to->at + from - LENGTH_BYTES, to->len - from);
}

void entry_encode(struct buffer *to, int db, const struct entry *e)
{
    encode_head(to, db, e);
    if (entry_type(e) == TYPE_STRING) {
        buffer_add_slice(to, entry_string(e));
        return;
    }
    struct value v = entry_value(e);
    encode_value(to, &v);
}

static void begin_large(struct buffer *to, int db, const struct entry *e, struct value_progress *p)
{
    size_t key_bytes = entry_key(e).len + HEAD_BYTES + 4 * VARINT_MAX;
    buffer_reserve(to, key_bytes + entry_bytes(e));
    encode_head(to, db, e);
    if (entry_type(e) != TYPE_STRING) to->len += LENGTH_BYTES;
    p->mark = to->len;
}

bool entry_encode_some(struct buffer *to, int db, const struct entry *e, struct value_progress *p,
                       size_t bytes)
{
    if (!p->mark) begin_large(to, db, e, p);
    if (entry_type(e) == TYPE_STRING) return value_string_some(entry_string(e), p, bytes, to);
    struct value v = entry_value(e);
    if (!value_kind(v.type)->encode_some(&v, p, bytes, to)) return false;
    put64(to->at + p->mark - LENGTH_BYTES, to->len - p->mark);
    return true;
}

static bool take_bytes(struct slice *from, struct slice *bytes)
{
    uint64_t len;
    if (!take_varint(from, &len) || len > from->len || len > UINT32_MAX) return false;
    *bytes = slice_of(from->at, (size_t)len);
    *from = slice_from(*from, (size_t)len);
    return true;
}

static bool take_deadline(struct slice *from, int64_t *deadline)
{
    if (from->len < sizeof *deadline) return false;
    *deadline = (int64_t)get64(from->at);
    *from = slice_from(*from, sizeof *deadline);
    return *deadline >= 0;
}

static bool take_value(struct slice *from, struct slice *bytes)
{
    if (from->len < LENGTH_BYTES) return false;
    uint64_t len = get64(from->at);
    if (len > from->len - LENGTH_BYTES) return false;
    *bytes = slice_of(from->at + LENGTH_BYTES, (size_t)len);
    *from = slice_from(*from, LENGTH_BYTES + (size_t)len);
    return true;
}

/* A remark that contradicts the value would be told to clients. */
static bool encoding_fits(enum string_encoding encoding, struct slice value)
{
    if (encoding == STRING_RAW) return true;
    if (encoding == STRING_EMBSTR) return value.len <= STRING_EMBSTR_MAX;
    return encoding == STRING_INT && string_encoding_of(value) == STRING_INT;
}

bool entry_decode(struct slice *from, struct entry_image *image)
{
    if (from->len < HEAD_BYTES) return false;
    const unsigned char *head = (const unsigned char *)from->at;
    uint64_t db;
    *image = (struct entry_image){
        .type = (enum value_type)(head[0] & 15),
        .encoding = (enum string_encoding)(head[0] >> 4),
        .access = (uint32_t)head[2] | (uint32_t)head[3] << 8 | (uint32_t)head[4] << 16,
        .deadline = -1,
    };
    *from = slice_from(*from, HEAD_BYTES);
    if (image->type >= TYPE_COUNT || head[1] > IMAGE_HAS_DEADLINE) return false;
    if (!take_varint(from, &db) || db > INT32_MAX) return false;
    image->db = (int)db;
    if (head[1] && !take_deadline(from, &image->deadline)) return false;
    if (!take_bytes(from, &image->key)) return false;
    if (image->type == TYPE_STRING)
        return take_bytes(from, &image->value) && encoding_fits(image->encoding, image->value);
    return value_kind(image->type) && head[0] >> 4 == 0 && take_value(from, &image->value);
}

static struct entry *entry_of_value(const struct entry_image *image,
                                    const struct value_config *config)
{
    struct value v;
    struct slice bytes = image->value;
    if (!value_kind(image->type)->decode(&bytes, config, &v)) return NULL;
    if (!bytes.len && !value_is_gone(&v)) return entry_new_value(image->key, v, image->deadline);
    value_free(&v);
    return NULL;
}

struct entry *entry_from_image(const struct entry_image *image, const struct value_config *config)
{
    struct entry *e;
    if (image->type == TYPE_STRING)
        e = entry_new_string(image->key, image->value, image->encoding, image->deadline);
    else
        e = entry_of_value(image, config);
    if (!e) return NULL;
    entry_set_access(e, image->access);
    return e;
}
