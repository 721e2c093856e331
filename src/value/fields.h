/* The hash: fields and their values, each field with a deadline of its own where it was given one.
 *
 *      ENCODING_PACKED       field, value, field, value, …               a packed list
 *      ENCODING_PACKED_TTL   field, value, deadline, field, value, …     a packed list
 *      ENCODING_TABLE        fields_table.h
 *
 * With deadlines the rows stand in their order, those without one (0) behind all others; this is
 * also how Redis keeps and saves them. A hash is packed until it has too many fields or one that
 * is too long, and takes the third column with the first deadline; neither is ever taken back.
 *
 * Time is not known here: a field past its deadline is there until somebody takes it out. In both
 * forms with deadlines the soonest one is found at once, so whoever looks for what is past does not
 * look at anything else. A deadline is a unix time in ms from 1 to FIELDS_DEADLINE_MAX, -1 none. */
#ifndef HARK_VALUE_FIELDS_H
#define HARK_VALUE_FIELDS_H

#include "../base/text.h"
#include "value.h"

struct packed;
struct random;

#define FIELDS_DEADLINE_MAX (((int64_t)1 << 46) - 1) /* as Redis has it: the year 4199 */

/* A field that was found. The slices are good until the hash changes, and may lie in `digits`: so a
 * struct field is not copied. */
struct field {
    struct slice name, value;
    int64_t deadline;
    char digits[2][TEXT_INT_MAX];
};

struct value fields_new(void);
size_t fields_count(const struct value *v);

/* ---- looking ---- */

/* False when it is not there. */
bool fields_get(const struct value *v, struct slice name, struct field *out);
/* The one with the soonest deadline; false when none has one. */
bool fields_soonest(const struct value *v, struct field *out);
/* One drawn evenly; there must be one. */
void fields_random(const struct value *v, struct random *random, struct field *out);
/* How many are past their deadline; looks at these and a few others. */
size_t fields_past(const struct value *v, int64_t now_ms);
/* Visits about `count` fields from `cursor` on, all when packed; 0 begins, and 0 returned is the
 * end. The promises of table_scan hold. */
uint64_t fields_scan(const struct value *v, uint64_t cursor, size_t count, value_visit *visit,
                     void *ctx);

static inline bool field_is_past(int64_t deadline, int64_t now_ms)
{
    return deadline >= 0 && deadline <= now_ms;
}

/* ---- changing; names and values must not lie in the hash itself ---- */

/* These pairs of field and value are about to be set: is it to be unpacked for them? */
void fields_prepare(struct value *v, const struct slice *pairs, size_t words,
                    const struct value_config *config);
/* The same of so many fields, when no more is known of them. */
void fields_expect(struct value *v, size_t count, const struct value_config *config);
/* Is the field new? The deadline of one that is not goes, or stays with `keep`. */
bool fields_set(struct value *v, struct slice name, struct slice value, bool keep,
                const struct value_config *config);
/* Gives it a deadline, or with -1 takes it away; false when the field is not there. */
bool fields_set_deadline(struct value *v, struct slice name, int64_t deadline);
/* False when it was not there. */
bool fields_remove(struct value *v, struct slice name);

/* ---- values from elsewhere ---- */

/* A hash of a packed list, which is taken; false, and then it is not, when it is none of the
 * encoding, which must be one of the packed ones. */
bool fields_take_packed(struct packed *p, enum value_encoding encoding, struct value *out);
/* Unpacks it where the limits say so. */
void fields_fit(struct value *v, const struct value_config *config);

/* Ends the process when an invariant does not hold. */
void fields_check(const struct value *v);

#endif
