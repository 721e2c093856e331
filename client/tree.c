/* Replies as objects: a root, and chunks of memory for everything below it.
 *
 *     root ─ chunks ──▶ chunk ──▶ chunk ──▶ …      elements, texts with their NULs, attributes
 *
 * A small reply is one allocation, because the first chunk stands right behind the root. Elements
 * of an aggregate are contiguous; what its head announces is not believed but grown into, so that
 * memory follows the bytes that really came. When elements move, nothing points to them yet but
 * their parent: everything deeper is closed by then, and is pointed to, not from. */
#include "internal.h"

enum {
    FIRST_BYTES = 192,          /* room behind the root */
    CHUNK_BYTES = 4096,         /* of the chunks that follow; a larger piece has its own */
    ELEMENTS_BELIEVED_MAX = 64, /* allocated at once on the word of a head */
};

struct chunk {
    struct chunk *next;
    max_align_t bytes[];
};

struct tree {
    struct hark_reply root; /* first, so that the root's address is the tree's */
    struct hark_allocator memory;
    struct chunk *chunks;
    char *at; /* free memory of the newest chunk */
    size_t room;
    max_align_t first[FIRST_BYTES / sizeof(max_align_t)];
};

void hark_reply_free(struct hark_reply *reply)
{
    if (!reply) return;
    struct tree *tree = (struct tree *)reply;
    struct hark_allocator m = tree->memory;
    for (struct chunk *c = tree->chunks, *next; c; c = next) {
        next = c->next;
        hark_release(&m, c);
    }
    hark_release(&m, tree);
}

const struct hark_reply *hark_reply_get(const struct hark_reply *map, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + 1 < map->count; i += 2) {
        const struct hark_reply *key = &map->at[i];
        if (key->text && key->len == len && memcmp(key->text, name, len) == 0) return key + 1;
    }
    return NULL;
}

void hark_builder_fini(struct builder *b)
{
    if (b->tree) hark_reply_free(&b->tree->root);
    b->tree = NULL;
}

static int count_bytes(struct builder *b, size_t size)
{
    if (size > b->bytes_max - b->bytes) return HARK_LIMIT;
    b->bytes += size;
    return 0;
}

static int begin(struct builder *b)
{
    b->bytes = 0;
    memset(b->level, 0, sizeof b->level[0]);
    int rc = count_bytes(b, sizeof *b->tree);
    if (rc < 0) return rc;
    b->tree = hark_alloc(&b->memory, sizeof *b->tree);
    if (!b->tree) return HARK_NO_MEMORY;
    b->tree->memory = b->memory;
    b->tree->chunks = NULL;
    b->tree->at = (char *)b->tree->first;
    b->tree->room = sizeof b->tree->first;
    return 0;
}

/* Memory that lives as long as the tree, aligned for anything. */
static int take(struct builder *b, size_t size, void *out)
{
    struct tree *tree = b->tree;
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if (size > tree->room) {
        bool own = size > CHUNK_BYTES / 4;
        size_t bytes = own ? size : CHUNK_BYTES;
        int rc = count_bytes(b, sizeof(struct chunk) + bytes);
        if (rc < 0) return rc;
        struct chunk *c = hark_alloc(&b->memory, sizeof *c + bytes);
        if (!c) return HARK_NO_MEMORY;
        c->next = tree->chunks;
        tree->chunks = c;
        if (own) {
            *(void **)out = c->bytes;
            return 0;
        }
        tree->at = (char *)c->bytes;
        tree->room = bytes;
    }
    *(void **)out = tree->at;
    tree->at += size;
    tree->room -= size;
    return 0;
}

/* A new element of the aggregate that is open at `depth`. */
static int append(struct builder *b, int depth, struct hark_reply **out)
{
    struct builder_level *level = &b->level[depth];
    if (level->node->count == level->cap) {
        size_t cap = level->cap ? level->cap * 2 : ELEMENTS_BELIEVED_MAX;
        if (cap > level->total) cap = level->total;
        struct hark_reply *grown;
        int rc = take(b, cap * sizeof *grown, &grown);
        if (rc < 0) return rc;
        if (level->cap) memcpy(grown, level->elements, level->cap * sizeof *grown);
        level->elements = grown;
        level->node->at = grown;
        level->cap = cap;
    }
    *out = &level->elements[level->node->count++];
    return 0;
}

static int place(struct builder *b, const struct resp_token *token, struct hark_reply **out)
{
    if (token->kind == RESP_KIND_ATTRIBUTE) return take(b, sizeof **out, out);
    if (token->depth > 0) return append(b, token->depth - 1, out);
    *out = &b->tree->root;
    return 0;
}

enum hark_type hark_type_of(enum resp_kind kind)
{
    switch (kind) {
    case RESP_KIND_STRING: return HARK_T_STRING;
    case RESP_KIND_STATUS: return HARK_T_STATUS;
    case RESP_KIND_ERROR: return HARK_T_ERROR;
    case RESP_KIND_INTEGER: return HARK_T_INTEGER;
    case RESP_KIND_DOUBLE: return HARK_T_DOUBLE;
    case RESP_KIND_BOOL: return HARK_T_BOOL;
    case RESP_KIND_BIG_NUMBER: return HARK_T_BIG_NUMBER;
    case RESP_KIND_VERBATIM: return HARK_T_VERBATIM;
    case RESP_KIND_NULL: return HARK_T_NULL;
    case RESP_KIND_ARRAY: return HARK_T_ARRAY;
    case RESP_KIND_MAP:
    case RESP_KIND_ATTRIBUTE: return HARK_T_MAP;
    case RESP_KIND_SET: return HARK_T_SET;
    case RESP_KIND_PUSH: return HARK_T_PUSH;
    }
    return HARK_T_NULL;
}

static bool has_text(enum hark_type type)
{
    switch (type) {
    case HARK_T_STRING:
    case HARK_T_STATUS:
    case HARK_T_ERROR:
    case HARK_T_DOUBLE:
    case HARK_T_BIG_NUMBER:
    case HARK_T_VERBATIM: return true;
    default: return false;
    }
}

static int fill(struct builder *b, const struct resp_token *token, struct hark_reply *node)
{
    *node = (struct hark_reply){
        .type = hark_type_of(token->kind), .integer = token->integer, .number = token->number};
    memcpy(node->format, token->format, sizeof node->format);
    if (!has_text(node->type)) return 0;
    char *text;
    int rc = take(b, token->text.len + 1, &text);
    if (rc < 0) return rc;
    if (token->text.len) memcpy(text, token->text.at, token->text.len);
    text[token->text.len] = '\0';
    node->text = text;
    node->len = token->text.len;
    return 0;
}

static int add(struct builder *b, const struct resp_token *token)
{
    struct builder_level *level = &b->level[token->depth];
    struct hark_reply *node;
    int rc = b->tree ? 0 : begin(b);
    if (rc == 0) rc = place(b, token, &node);
    if (rc == 0) rc = fill(b, token, node);
    if (rc < 0) return rc;

    struct hark_reply *attribute = level->attribute;
    bool describes = token->kind == RESP_KIND_ATTRIBUTE;
    if (!describes) node->attribute = attribute;
    if (resp_kind_holds(token->kind)) {
        *level = (struct builder_level){.node = node, .total = token->count};
        level[1].attribute = NULL;
    }
    level->attribute = describes ? node : NULL;
    return 0;
}

int hark_builder_add(struct builder *b, const struct resp_token *token, struct hark_reply **out)
{
    int rc = add(b, token);
    if (rc < 0) {
        hark_builder_fini(b);
        return rc;
    }
    if (!token->last) return 0;
    *out = &b->tree->root;
    b->tree = NULL;
    return 1;
}
