/* Glob patterns as KEYS, SCAN, PSUBSCRIBE and ACLs know them, and what can be told from a pattern
 * without a text.
 *
 *   *        any bytes, also none            [abc]  one of these bytes
 *   ?        any one byte                    [a-z]  one byte of this range, also written [z-a]
 *   \x       the byte x itself               [^a]   one byte that is none of these
 *
 * The odd cases are decided as Redis decides them (test/unit/test_glob.c lists them):
 *   - a class that is not closed ends with the pattern: `[ab` is `[ab]`, `[` matches nothing,
 *     `[^` any byte; `]` right after `[` or `[^` closes the class, which is then empty;
 *   - in a class, `\x` is the byte x, in its own case even when case does not matter, and never
 *     starts a range (but may end one: `[a-\]` goes from a to backslash); `-` is a range whenever
 *     two more bytes follow its left side, also `[a-]`, which goes from a to `]` and stays open;
 *   - bytes of a range compare as signed: `[a-\xff]` holds \xff and everything from 0 to a;
 *   - a `\` at the very end is itself;
 *   - an empty text matches the empty pattern only, not even `*`. */
#ifndef HARK_BASE_GLOB_H
#define HARK_BASE_GLOB_H

#include "buffer.h"

/* Does the whole text match? With `nocase`, ASCII letters match without regard to case. The work is
 * in the order of both lengths; for patterns made to be slow, of pattern.len * text.len / 64. */
bool glob_match(struct slice pattern, struct slice text, bool nocase);

/* A pattern taken apart: runs of literal bytes and what lies between them. */
struct glob_run {
    struct slice bytes; /* unescaped; in the pattern, or in the buffer given to the iterator */
    size_t gap;         /* how many bytes that are not literal come before it ... */
    bool open;          /* ... at least, as there is a star: otherwise exactly */
    bool at_start;      /* every text that matches starts with `bytes` */
    bool at_end;        /* every text that matches ends with `bytes` */
};

struct glob_runs {
    struct slice pattern;
    size_t at; /* where the next gap starts */
};

static inline struct glob_runs glob_runs(struct slice pattern)
{
    return (struct glob_runs){pattern, 0};
}

/* The next literal run. A run that contains escapes is unescaped behind what `store` holds; its
 * bytes are then valid until `store` grows or is changed. False when no run is left: `gap` and
 * `open` then tell what follows the last one (or the whole pattern, if there was none). */
bool glob_next_run(struct glob_runs *at, struct buffer *store, struct glob_run *out);

/* How much of the work an index can do without glob_match. */
enum glob_kind {
    GLOB_LITERAL, /* matches one text only: `prefix` */
    GLOB_ENDS,    /* `prefix*suffix`: a text of len_min or more with these ends matches */
    GLOB_GENERAL, /* needs glob_match; the parts are necessary, not sufficient */
};

/* What every text that matches has. The three slices are unescaped and live in the pattern or in
 * the buffer given to glob_analyse; any may be empty. */
struct glob_parts {
    enum glob_kind kind;
    struct slice prefix;  /* starts with */
    struct slice suffix;  /* ends with; does not overlap the prefix; empty in a GLOB_LITERAL */
    struct slice longest; /* contains: the longest of all runs, the first one if several */
    size_t len_min;       /* is at least this long; 1 for `*`, which does not match an empty text */
    size_t len_max;       /* is at most this long; SIZE_MAX after a star */
};

/* Takes `pattern` apart (matched with case). Bytes that must be unescaped are appended to `store`;
 * the parts are valid as long as the pattern and the contents of `store` stay where they are. */
void glob_analyse(struct slice pattern, struct buffer *store, struct glob_parts *out);

/* Appends the literal bytes before the first special one, unescaped; returns how many bytes of
 * the pattern they took (pattern.len for a pattern without specials). */
size_t glob_literal_prefix(struct slice pattern, struct buffer *out);

#endif
