/* The nodes of a large list; list.c alone uses them, and who writes them as they stand (rdb/put.c).
 *
 *      struct list_nodes ─▶ handles, in order, with room at both ends of their array
 *                             │ 16 bytes each: where, how many elements, how many bytes
 *                             ├─▶ a packed list, up to list-max-listpack-size
 *                             ├─▶ the same, pressed by LZF: far from both ends, where
 *                             │   list-compress-depth wants that
 *                             └─▶ plain: one element, larger than a packed node may be
 *
 * An element is found by its index by adding up the counts of the handles, which lie side by side:
 * 64 of them to 1 KB, for some 50,000 small elements. When nodes are begun, divided and joined is
 * what Redis does, so that OBJECT ENCODING goes back to "listpack" when it does there.
 *
 * Invariants, between calls:
 *  1. No node is empty, but for a list without elements, which has no node.
 *  2. `elements` is the sum of the counts.
 *  3. With a depth, so many nodes at each end are not pressed. (Others may be, or not: what LZF
 *     does not make smaller stays, and a depth that is set later takes effect by and by.) */
#ifndef HARK_VALUE_LIST_NODES_H
#define HARK_VALUE_LIST_NODES_H

#include "../ds/packed.h"
#include "value.h"

enum list_node_kind { NODE_PACKED, NODE_PRESSED, NODE_PLAIN };

struct list_node {
    void *at;
    uint32_t size; /* bytes of the packed list, pressed or not, or of the element */
    uint32_t count : 29;
    uint32_t kind : 2;
    uint32_t hard : 1; /* LZF was tried in vain */
};

struct list_nodes {
    struct list_node *all;
    uint32_t cap, first, count;
    size_t elements;
};

/* A place between elements, or that of one: `offset` from the begin of a node. */
struct list_spot {
    uint32_t node, offset;
};

static inline struct list_node *nodes_at(const struct list_nodes *n, uint32_t i)
{
    return &n->all[n->first + i];
}

struct list_nodes *nodes_new(void);
struct list_nodes *nodes_copy(const struct list_nodes *n);
/* Frees from the end on, about so many elements; true when all is gone, `n` too. */
bool nodes_free_some(struct list_nodes *n, size_t elements);
size_t nodes_bytes(const struct list_nodes *n);

/* Would a packed list of so many bytes and elements be too large? */
bool nodes_exceed(const struct value_config *config, size_t bytes, size_t count);
/* Is this node, `times` over, small enough to be all of a packed list again? */
bool nodes_is_small(const struct value_config *config, const struct list_node *node, size_t times);
/* Must an element of this length have a node of its own? */
bool nodes_must_be_plain(const struct value_config *config, size_t len);

/* A node more at the end: a packed list, which is taken, or a plain element, which is copied. */
void nodes_add_packed(struct list_nodes *n, struct packed *p);
void nodes_add_plain(struct list_nodes *n, struct slice text);
/* The same with the bytes of one that is pressed; false where they are not that. */
bool nodes_add_pressed(struct list_nodes *n, struct slice bytes, size_t size);
/* The bytes of a pressed node, as nodes_add_pressed takes them. */
struct slice node_pressed(const struct list_node *node);
/* Takes the packed list out of the only node. */
struct packed *nodes_take_only(struct list_nodes *n);

/* The packed list of a node that is not plain, to be read: its own, or one made for the purpose,
 * which is then in *scratch and the caller's to free. */
const struct packed *node_look(const struct list_node *node, struct packed **scratch);
/* The element of a plain one. */
static inline struct slice node_plain(const struct list_node *node)
{
    return slice_of(node->at, node->size);
}

/* Presses what lies far from both ends, and opens what does not, after nodes were added as above.
 */
void nodes_settle(struct list_nodes *n, const struct value_config *config);

/* Where the element of this index is, which must exist. */
struct list_spot nodes_seek(const struct list_nodes *n, size_t index);
/* Adds one at the front or the back. */
void nodes_push(struct list_nodes *n, bool front, struct slice text,
                const struct value_config *config);
/* Puts one before or after the element at the spot. */
void nodes_insert(struct list_nodes *n, struct list_spot s, bool after, struct slice text,
                  const struct value_config *config);
void nodes_replace(struct list_nodes *n, struct list_spot s, struct slice text,
                   const struct value_config *config);
/* Removes `count` elements from index `from` on; they must exist. */
void nodes_remove(struct list_nodes *n, size_t from, size_t count,
                  const struct value_config *config);
/* Removes up to `max` elements that are this text, the last ones first with `backward`; returns how
 * many. */
size_t nodes_remove_equal(struct list_nodes *n, struct slice text, size_t max, bool backward,
                          const struct value_config *config);
/* The same in a packed list. */
struct packed *packed_remove_equal(struct packed *p, struct slice text, size_t max, bool backward,
                                   size_t *removed);

#endif
