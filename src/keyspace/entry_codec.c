/* The layout stands in docs/format/snapshot.md. */
#include "entry_codec.h"

#include "../base/little.h"

enum { HEAD_BYTES = 5, IMAGE_HAS_DEADLINE = 1 };

void entry_encode(struct buffer *to, int db, const struct entry *e)
{
    struct slice key = entry_key(e), value = entry_string(e);
    int64_t deadline = entry_deadline(e);
    size_t most = HEAD_BYTES + sizeof deadline + 3 * VARINT_MAX + key.len + value.len;
    char *from = buffer_reserve(to, most), *p = from;
    *p++ = (char)e->kind;
    *p++ = deadline >= 0 ? IMAGE_HAS_DEADLINE : 0;
    memcpy(p, e->access, sizeof e->access);
    p = put_varint(p + sizeof e->access, (uint64_t)db);
    if (deadline >= 0) {
        put64(p, (uint64_t)deadline);
        p += sizeof deadline;
    }
    p = put_varint(p, key.len);
    if (key.len) memcpy(p, key.at, key.len);
    p = put_varint(p + key.len, value.len);
    if (value.len) memcpy(p, value.at, value.len);
    to->len += (size_t)(p + value.len - from);
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
    return take_bytes(from, &image->key) && take_bytes(from, &image->value) &&
           encoding_fits(image->encoding, image->value);
}

struct entry *entry_from_image(const struct entry_image *image)
{
    struct entry *e = entry_new_string(image->key, image->value, image->encoding, image->deadline);
    entry_set_access(e, image->access);
    return e;
}
