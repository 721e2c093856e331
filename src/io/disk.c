#include "disk.h"

#include "../base/err.h"
#include "../base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct disk_real {
    struct disk disk;
    int folder;
};

static int folder_of(struct disk *d)
{
    return ((struct disk_real *)d)->folder;
}

/* Our error for errno, whose text goes to `why`. */
static int failed(struct disk_why *why)
{
    int code = errno;
    snprintf(why->text, sizeof why->text, "%s", strerror(code));
    switch (code) {
    case ENOENT:
    case ENOTDIR: return ERR_ABSENT;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE: return ERR_LIMIT;
    case EEXIST: return ERR_EXISTS;
    case EWOULDBLOCK: return ERR_BUSY;
    default: return ERR_IO;
    }
}

static int real_open(struct disk *d, const char *name, unsigned flags, struct disk_why *why)
{
    int how = flags & DISK_WRITE ? O_RDWR : O_RDONLY;
    if (flags & DISK_NEW) how |= O_CREAT | O_EXCL;
    int fd = openat(folder_of(d), name, how | O_CLOEXEC, 0600);
    return fd < 0 ? failed(why) : fd;
}

static void real_close(struct disk *d, int file)
{
    (void)d;
    /* What must be safe was synced before; whatever close has to say comes too late. */
    close(file);
}

static int real_preallocate(struct disk *d, int file, uint64_t size, struct disk_why *why)
{
    (void)d;
    int rc;
    do rc = fallocate(file, 0, 0, (off_t)size);
    while (rc != 0 && errno == EINTR);
    if (rc == 0) return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return failed(why);
    /* The file system cannot; whoever wants the room certain writes the zeros, as they should. */
    struct stat now;
    if (fstat(file, &now) != 0) return failed(why);
    if ((uint64_t)now.st_size < size && ftruncate(file, (off_t)size) != 0) return failed(why);
    return 0;
}

static long real_read(struct disk *d, int file, void *to, size_t len, uint64_t at,
                      struct disk_why *why)
{
    (void)d;
    for (;;) {
        ssize_t n = pread(file, to, len, (off_t)at);
        if (n >= 0) return (long)n;
        if (errno != EINTR) return failed(why);
    }
}

static long real_write(struct disk *d, int file, const void *from, size_t len, uint64_t at,
                       struct disk_why *why)
{
    (void)d;
    for (;;) {
        ssize_t n = pwrite(file, from, len, (off_t)at);
        if (n >= 0) return (long)n;
        if (errno != EINTR) return failed(why);
    }
}

static int real_truncate(struct disk *d, int file, uint64_t size, struct disk_why *why)
{
    (void)d;
    return ftruncate(file, (off_t)size) == 0 ? 0 : failed(why);
}

static int real_size(struct disk *d, int file, uint64_t *size, struct disk_why *why)
{
    (void)d;
    struct stat now;
    if (fstat(file, &now) != 0) return failed(why);
    *size = (uint64_t)now.st_size;
    return 0;
}

static int real_sync(struct disk *d, int file, struct disk_why *why)
{
    (void)d;
    return fdatasync(file) == 0 ? 0 : failed(why);
}

static int real_sync_folder(struct disk *d, struct disk_why *why)
{
    return fsync(folder_of(d)) == 0 ? 0 : failed(why);
}

static int real_rename(struct disk *d, const char *from, const char *to, struct disk_why *why)
{
    return renameat(folder_of(d), from, folder_of(d), to) == 0 ? 0 : failed(why);
}

static int real_unlink(struct disk *d, const char *name, struct disk_why *why)
{
    return unlinkat(folder_of(d), name, 0) == 0 ? 0 : failed(why);
}

static int real_list(struct disk *d, int (*visit)(void *ctx, const char *name), void *ctx,
                     struct disk_why *why)
{
    int fd = openat(folder_of(d), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed(why);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = failed(why);
        close(fd);
        return rc;
    }
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0) rc = failed(why);
            break;
        }
        if (entry->d_name[0] != '.') rc = visit(ctx, entry->d_name);
    }
    closedir(dir);
    return rc;
}

static int real_room(struct disk *d, uint64_t *bytes, struct disk_why *why)
{
    struct statvfs now;
    if (fstatvfs(folder_of(d), &now) != 0) return failed(why);
    *bytes = (uint64_t)now.f_bavail * now.f_frsize;
    return 0;
}

static int real_lock(struct disk *d, const char *name, struct disk_why *why)
{
    int fd = openat(folder_of(d), name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return failed(why);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    int rc = failed(why);
    close(fd);
    return rc;
}

static const struct disk real_table = {
    .open = real_open,
    .close = real_close,
    .preallocate = real_preallocate,
    .read = real_read,
    .write = real_write,
    .truncate = real_truncate,
    .size = real_size,
    .sync = real_sync,
    .sync_folder = real_sync_folder,
    .rename = real_rename,
    .unlink = real_unlink,
    .list = real_list,
    .room = real_room,
    .lock = real_lock,
};

/* A new folder is itself a name, in its parent. */
static int sync_parent(int folder, struct disk_why *why)
{
    int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return failed(why);
    int rc = fsync(parent) == 0 ? 0 : failed(why);
    close(parent);
    return rc;
}

int disk_open(const char *path, struct disk **disk, struct disk_why *why)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) return failed(why);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return failed(why);
    int rc = made ? sync_parent(folder, why) : 0;
    if (rc != 0) {
        close(folder);
        return rc;
    }
    struct disk_real *real = mem_new(struct disk_real);
    *real = (struct disk_real){real_table, folder};
    *disk = &real->disk;
    return 0;
}

void disk_close(struct disk *d)
{
    struct disk_real *real = (struct disk_real *)d;
    close(real->folder);
    mem_delete(real);
}

int disk_write_all(struct disk *d, int file, const void *from, size_t len, uint64_t at,
                   struct disk_why *why)
{
    const char *bytes = from;
    while (len > 0) {
        long n = d->write(d, file, bytes, len, at, why);
        if (n < 0) return (int)n;
        if (n == 0) {
            snprintf(why->text, sizeof why->text, "nothing was written, without a reason");
            return ERR_IO;
        }
        bytes += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

long disk_read_all(struct disk *d, int file, void *to, size_t len, uint64_t at,
                   struct disk_why *why)
{
    size_t have = 0;
    while (have < len) {
        long n = d->read(d, file, (char *)to + have, len - have, at + have, why);
        if (n < 0) return n;
        if (n == 0) break;
        have += (size_t)n;
    }
    return (long)have;
}

int disk_copy(struct disk *from, int in, struct disk *to, int out, struct disk_why *why)
{
    enum { COPY_BYTES = 1 << 20 };
    char *bytes = mem_alloc(COPY_BYTES);
    uint64_t at = 0;
    long n;
    int rc = 0;
    while (rc == 0 && (n = disk_read_all(from, in, bytes, COPY_BYTES, at, why)) != 0) {
        rc = n < 0 ? (int)n : disk_write_all(to, out, bytes, (size_t)n, at, why);
        if (n > 0) at += (uint64_t)n;
    }
    mem_free(bytes, COPY_BYTES);
    return rc == 0 ? to->sync(to, out, why) : rc;
}
