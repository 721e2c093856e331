#include "file.h"

#include "../base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024 };

/* Our error for errno, whose text goes to `why`. */
static int failed(char *why, size_t why_size)
{
    int code = errno;
    snprintf(why, why_size, "%s", strerror(code));
    switch (code) {
    case ENOENT:
    case ENOTDIR: return ERR_ABSENT;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    default: return ERR_IO;
    }
}

static int read_all(int fd, struct buffer *to, size_t max, char *why, size_t why_size)
{
    size_t before = to->len;
    for (;;) {
        char *at = buffer_reserve(to, READ_BYTES);
        ssize_t n = read(fd, at, READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed(why, why_size);
        if (n == 0) return 0;
        to->len += (size_t)n;
        if (to->len - before > max) {
            snprintf(why, why_size, "longer than %zu bytes", max);
            return ERR_LIMIT;
        }
    }
}

int io_file_read_all(const char *path, struct buffer *to, size_t max, char *why, size_t why_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(why, why_size);
    int rc = read_all(fd, to, max, why, why_size);
    close(fd);
    return rc;
}

int io_stdin_read_all(struct buffer *to, size_t max, char *why, size_t why_size)
{
    return read_all(STDIN_FILENO, to, max, why, why_size);
}

static bool write_all(int fd, struct slice content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.at, content.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        content = slice_from(content, (size_t)n);
    }
    return true;
}

/* Gives the temporary file what the old one has: its mode, and its owner where we may. */
static bool take_after(int fd, const char *path)
{
    struct stat old;
    if (stat(path, &old) != 0) return errno == ENOENT;
    if (fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) return false;
    return fchmod(fd, old.st_mode & 07777) == 0;
}

static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool synced = fsync(fd) == 0;
    int code = errno;
    close(fd);
    errno = code;
    return synced;
}

/* `path` is no link. The temporary file is gone afterwards, whatever happened. */
static bool replace(const char *path, struct slice content)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (len < 0 || len >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return false;
    bool written = take_after(fd, path) && write_all(fd, content) && fsync(fd) == 0;
    int code = errno;
    if (close(fd) != 0 && written) {
        written = false;
        code = errno;
    }
    if (written && rename(temporary, path) == 0) return sync_folder_of(path);
    if (written) code = errno;
    unlink(temporary);
    errno = code;
    return false;
}

int io_file_replace(const char *path, struct slice content, char *why, size_t why_size)
{
    char resolved[PATH_MAX];
    const char *target = realpath(path, resolved);
    if (!target && errno != ENOENT) return failed(why, why_size);
    return replace(target ? target : path, content) ? 0 : failed(why, why_size);
}

int io_file_absolute(const char *path, struct buffer *to, char *why, size_t why_size)
{
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) return failed(why, why_size);
    buffer_add(to, resolved, strlen(resolved) + 1);
    to->len--;
    return 0;
}

int io_file_each_match(const char *pattern, int (*visit)(void *ctx, const char *path), void *ctx,
                       char *why, size_t why_size)
{
    glob_t found;
    int rc = glob(pattern, 0, NULL, &found);
    if (rc == GLOB_NOMATCH) return 0;
    if (rc != 0) return failed(why, why_size);
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) rc = visit(ctx, found.gl_pathv[i]);
    globfree(&found);
    return rc;
}

int io_dir_enter(const char *path, struct buffer *absolute, char *why, size_t why_size)
{
    if (chdir(path) != 0) return failed(why, why_size);
    return io_file_absolute(".", absolute, why, why_size);
}
