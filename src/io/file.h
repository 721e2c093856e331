/* Whole small files: reading one, replacing one so that a crash leaves the old or the new, and
 * the few questions about paths that the configuration asks.
 *
 * Functions that fail return a negative error (ERR_ABSENT, ERR_DENIED, ERR_LIMIT, ERR_IO) and
 * write the system's reason into `why`. */
#ifndef HARK_IO_FILE_H
#define HARK_IO_FILE_H

#include "../base/buffer.h"

/* Appends all of a file to `to`; ERR_LIMIT when it has more than `max` bytes. */
int io_file_read_all(const char *path, struct buffer *to, size_t max, char *why, size_t why_size);
/* The same for what comes on standard input until its end. */
int io_stdin_read_all(struct buffer *to, size_t max, char *why, size_t why_size);

/* Gives a file new contents in one step: a temporary file beside it is written, synced and renamed
 * over it, then the folder is synced. Its permissions stay (a new file is its owner's alone); a
 * symbolic link stays, and what it points to is replaced. */
int io_file_replace(const char *path, struct slice content, char *why, size_t why_size);

/* Appends the absolute path, links resolved, and a NUL that does not count. */
int io_file_absolute(const char *path, struct buffer *to, char *why, size_t why_size);

/* Calls `visit` for the path of each file that matches a shell pattern, in alphabetical order,
 * until it returns non-zero, which is then the result. No match is no error. */
int io_file_each_match(const char *pattern, int (*visit)(void *ctx, const char *path), void *ctx,
                       char *why, size_t why_size);

/* Makes `path` the working directory; appends its absolute path and a NUL that does not count. */
int io_dir_enter(const char *path, struct buffer *absolute, char *why, size_t why_size);

#endif
