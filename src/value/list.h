/* Lists: a packed list while they are small, nodes of packed lists when they are not
 * (list_nodes.h). Large ones are quick at both ends; by index, whole nodes are passed over.
 *
 * A list turns into nodes when a push would bring it beyond list-max-listpack-size, and back when
 * something was taken away and what is left is one packed node of half that, as Redis has it. */
#ifndef HARK_VALUE_LIST_H
#define HARK_VALUE_LIST_H

#include "../ds/packed.h"
#include "value.h"

enum list_end { LIST_LEFT, LIST_RIGHT };

/* An empty one. */
struct value list_new(void);
size_t list_count(const struct value *v);

/* Pushes them one by one, so that with LIST_LEFT the last one is the first afterwards. The texts
 * must not lie in the list itself. */
void list_push(struct value *v, enum list_end end, const struct slice *texts, size_t count,
               const struct value_config *config);
/* Removes `count` elements from index `from` on, or what there is. */
void list_remove(struct value *v, size_t from, size_t count, const struct value_config *config);
/* The same from an end. */
void list_drop(struct value *v, enum list_end end, size_t count, const struct value_config *config);
/* Keeps what is from index `start` to index `stop`, both included, as commands give them. */
void list_trim(struct value *v, int64_t start, int64_t stop, const struct value_config *config);
/* Replaces the element of this index, which must exist. */
void list_set(struct value *v, size_t index, struct slice text, const struct value_config *config);
/* Puts the text before or after the first element that is the pivot; false when there is none. */
bool list_insert(struct value *v, bool after, struct slice pivot, struct slice text,
                 const struct value_config *config);
/* Removes elements that are the text: so many from the left; negative: from the right; 0: all.
 * Returns how many. */
size_t list_remove_equal(struct value *v, int64_t count, struct slice text,
                         const struct value_config *config);

/* An index as commands give it, negative ones from the end; false when there is no such element. */
bool list_index(const struct value *v, int64_t given, size_t *index);

/* The range from `start` to `stop`, both included, as commands give them: from where on, and how
 * many. */
size_t list_range(const struct value *v, int64_t start, int64_t stop, size_t *from);

/* For who loads a list that is made of such parts elsewhere: adds all elements of `p`, which is
 * taken, at the right end; and when all are there, keeps the list as one that was made here. */
void list_add_packed(struct value *v, struct packed *p, const struct value_config *config);
void list_settle(struct value *v, const struct value_config *config);

/* How a list of nodes is laid out; false for one that is packed. */
struct list_layout {
    size_t nodes, bytes; /* of packed lists and plain elements, as if nothing were pressed */
};
bool list_layout(const struct value *v, struct list_layout *out);

/* ---- going about ----
 *
 *      struct list_iter it;
 *      list_begin(&it, v, index, false);
 *      while (list_next(&it)) … list_text(&it) …
 *      list_end(&it);
 *
 * The list must not change meanwhile. A text is good until the next step. */

struct packed;
struct list_iter {
    const struct value *list;
    size_t left; /* elements to come */
    bool backward;
    uint32_t node;               /* of a list of nodes */
    const struct packed *packed; /* that is gone through; NULL in a plain node */
    struct packed *scratch;      /* made for that, or NULL */
    packed_at at;                /* the element; PACKED_NONE before the first of a node */
    struct slice plain;
    char digits[TEXT_INT_MAX];
};

/* What an element is compared with, without making its text. */
struct list_sought {
    struct slice text;
    int64_t number;
    bool is_int;
};

/* Before the element of this index, from where it goes to the right, or to the left. */
void list_begin(struct list_iter *it, const struct value *v, size_t index, bool backward);
bool list_next(struct list_iter *it);
struct slice list_text(struct list_iter *it);
struct list_sought list_sought(struct slice text);
bool list_is(const struct list_iter *it, const struct list_sought *s);
void list_end(struct list_iter *it);

#endif
