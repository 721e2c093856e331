/* A disk that fails, for a program as it ships: LD_PRELOAD this, and what the program does to files
 * below one folder is counted, made to fail, and written down.
 *
 *      FAULTY_FOLDER    the folder, an absolute path without links
 *      FAULTY_CONTROL   a file of at least sizeof(struct control) bytes, mapped and shared: the
 * test arms faults in it and reads counts from it (test/crash/disk.py) FAULTY_HISTORY   if set, a
 * file to which every change and every sync is appended
 *
 * With a history nothing is really synced: what would have been safe is what the history says was
 * synced. After a kill -9, disk.py turns the folder into what a loss of power at that moment would
 * have left: all that was synced, and of the rest any sectors by chance.
 *
 *      write ──▶ the file itself (what reads show)      history: WRITE ino at bytes
 *      sync  ──▶ nothing                                history: SYNC ino, all written before
 *      sync that is made to fail                        history: FORGET ino, likewise: as Linux,
 * which marks pages clean that it could not write
 *
 * A change is written down after it was made, both under one lock. A process that is killed between
 * the two has made a change that no sync covers, which may be lost as well as not.
 *
 * Calls by mapped memory, by io_uring or by the C library's own FILEs would pass unseen; that a
 * program makes none is shown by comparing what the history amounts to with the folder
 * (test_disk.py). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same lists stand in disk.py. */
enum call { OPEN, WRITE, SYNC, SYNC_FOLDER, RESIZE, RENAME, UNLINK, READ, CALLS };
enum action { ACT_NONE, ACT_ERROR, ACT_SHORT, ACT_DIE, ACT_DIE_AFTER, ACT_TEAR, ACT_WAIT };
enum entry {
    E_CREATE,
    E_WRITE,
    E_ZEROS,
    E_RESIZE,
    E_SYNC,
    E_FORGET,
    E_SYNC_FOLDER,
    E_RENAME,
    E_UNLINK,
    E_BEGIN
};

struct control {
    uint32_t action; /* ACT_NONE: nothing is armed */
    uint32_t calls;  /* which calls it is for: a bit each */
    uint64_t skip;   /* so many of these pass first */
    uint64_t times;  /* then so many meet it; 0: all from there on */
    int64_t amount;  /* ACT_ERROR: errno; ACT_TEAR: sectors; ACT_WAIT: microseconds */
    uint64_t met;
    uint64_t count[CALLS];
};

struct entry_header {
    uint32_t magic, kind;
    uint64_t ino, at, len, bytes; /* `bytes` follow */
};

enum { ENTRY_MAGIC = 0x48495354, SECTOR = 512 };

static char folder[PATH_MAX];
static size_t folder_len;
static struct control *control, nothing;
static int history = -1;
static uint64_t position; /* entries so far */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*mkostemp)(char *, int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pread)(int, void *, size_t, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*ftruncate)(int, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*renameat)(int, const char *, int, const char *);
    int (*unlinkat)(int, const char *, int);
} real;

static void find(void *to, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    memcpy(to, &found, sizeof found);
}

/* The program's own constructors may call us before ours is run. */
static void set_up(void)
{
    static bool done;
    if (done) return;
    done = true;
    find(&real.open, "open");
    find(&real.openat, "openat");
    find(&real.mkostemp, "mkostemp");
    find(&real.write, "write");
    find(&real.pwrite, "pwrite");
    find(&real.writev, "writev");
    find(&real.pread, "pread");
    find(&real.fsync, "fsync");
    find(&real.fdatasync, "fdatasync");
    find(&real.ftruncate, "ftruncate");
    find(&real.fallocate, "fallocate");
    find(&real.renameat, "renameat");
    find(&real.unlinkat, "unlinkat");
    control = &nothing;
    const char *path = getenv("FAULTY_FOLDER");
    if (!path) return;
    folder_len = (size_t)snprintf(folder, sizeof folder, "%s", path);
    path = getenv("FAULTY_CONTROL");
    int fd = path ? real.open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) abort();
    close(fd);
    path = getenv("FAULTY_HISTORY");
    if (!path) return;
    history = real.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (history < 0) abort();
}

/* Which file ---------------------------------------------------------------------------------- */

/* The part of an absolute path below the folder ("" is the folder itself), or NULL. */
static const char *below(const char *path)
{
    if (folder_len == 0 || strncmp(path, folder, folder_len) != 0) return NULL;
    if (path[folder_len] == 0) return path + folder_len;
    return path[folder_len] == '/' ? path + folder_len + 1 : NULL;
}

static bool path_of(int fd, char to[PATH_MAX])
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, to, PATH_MAX - 1);
    if (n <= 0) return false;
    to[n] = 0;
    return true;
}

static bool is_ours(int fd)
{
    char path[PATH_MAX];
    return folder_len && path_of(fd, path) && below(path);
}

/* What a name means, below the folder, or NULL; `to` holds it. */
static const char *name_of(int at, const char *name, char to[2 * PATH_MAX])
{
    if (folder_len == 0) return NULL;
    size_t n = 0;
    if (name[0] != '/') {
        char path[PATH_MAX];
        if (at == AT_FDCWD ? !getcwd(path, sizeof path) : !path_of(at, path)) return NULL;
        n = (size_t)snprintf(to, 2 * PATH_MAX, "%s/", path);
        while (name[0] == '.' && name[1] == '/') name += 2;
    }
    if (strcmp(name, ".") == 0 && n)
        to[n - 1] = 0;
    else
        snprintf(to + n, 2 * PATH_MAX - n, "%s", name);
    return below(to);
}

/* The history --------------------------------------------------------------------------------- */

static void note(enum entry kind, uint64_t ino, uint64_t at, uint64_t len, const void *bytes,
                 size_t size)
{
    position++;
    if (history < 0) return;
    struct entry_header h = {ENTRY_MAGIC, kind, ino, at, len, size};
    struct iovec parts[2] = {{&h, sizeof h}, {(void *)(uintptr_t)bytes, size}};
    if (real.writev(history, parts, 2) != (ssize_t)(sizeof h + size)) abort();
}

/* What a sync covers is told by position, which each process counts from 0. */
__attribute__((constructor)) static void begin_history(void)
{
    set_up();
    if (history >= 0) note(E_BEGIN, 0, 0, 0, NULL, 0);
    position = 0;
}

static uint64_t ino_of(int fd)
{
    struct stat now;
    return fstat(fd, &now) == 0 ? now.st_ino : 0;
}

static bool all_zero(const char *bytes, size_t len)
{
    return len > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static void note_write(int fd, const void *bytes, ssize_t len, off_t at)
{
    if (len <= 0) return;
    uint64_t ino = ino_of(fd);
    if (all_zero(bytes, (size_t)len))
        note(E_ZEROS, ino, (uint64_t)at, (uint64_t)len, NULL, 0);
    else
        note(E_WRITE, ino, (uint64_t)at, (uint64_t)len, bytes, (size_t)len);
}

/* Faults -------------------------------------------------------------------------------------- */

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts the call and says what it meets. An error is set in errno already. Lock held. */
static enum action meet(enum call call)
{
    struct control *c = control;
    __atomic_add_fetch(&c->count[call], 1, __ATOMIC_RELAXED);
    enum action action = __atomic_load_n(&c->action, __ATOMIC_ACQUIRE);
    if (action == ACT_NONE || !(c->calls >> call & 1)) return ACT_NONE;
    if (c->skip > 0) {
        c->skip--;
        return ACT_NONE;
    }
    if (c->times > 0 && --c->times == 0) __atomic_store_n(&c->action, ACT_NONE, __ATOMIC_RELEASE);
    __atomic_add_fetch(&c->met, 1, __ATOMIC_RELEASE);
    if (action == ACT_DIE) die();
    if (action == ACT_ERROR) errno = (int)c->amount;
    return action;
}

static void after(enum action action)
{
    if (action == ACT_DIE_AFTER) die();
}

/* Waits without the lock, so that only this call is slow. */
static void wait_if(enum action action)
{
    if (action == ACT_WAIT) usleep((useconds_t)control->amount);
}

static enum action meet_waiting(enum call call)
{
    pthread_mutex_lock(&lock);
    enum action action = meet(call);
    pthread_mutex_unlock(&lock);
    wait_if(action);
    return action;
}

/* Writing ------------------------------------------------------------------------------------- */

/* How much of a write to do. */
static size_t allowed(enum action action, size_t len, off_t at)
{
    if (action == ACT_SHORT) return (len + 1) / 2;
    if (action != ACT_TEAR) return len;
    uint64_t end = ((uint64_t)at / SECTOR + (uint64_t)control->amount) * SECTOR;
    if (end <= (uint64_t)at) return 0;
    return end - (uint64_t)at < len ? (size_t)(end - (uint64_t)at) : len;
}

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t at)
{
    enum action action = meet_waiting(WRITE);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    size_t part = allowed(action, len, at);
    ssize_t n = part || !len ? real.pwrite(fd, bytes, part, at) : 0;
    note_write(fd, bytes, n, at);
    if (action == ACT_TEAR) die();
    after(action);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    set_up();
    return is_ours(fd) ? write_at(fd, bytes, len, at) : real.pwrite(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite(fd, bytes, len, at);
}

static ssize_t write_here(int fd, const void *bytes, size_t len)
{
    struct stat now;
    if (fstat(fd, &now) != 0) return -1;
    bool append = fcntl(fd, F_GETFL) & O_APPEND;
    off_t at = append ? now.st_size : lseek(fd, 0, SEEK_CUR);
    enum action action = meet_waiting(WRITE);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    size_t part = allowed(action, len, at);
    ssize_t n = part || !len ? real.write(fd, bytes, part) : 0;
    note_write(fd, bytes, n, at);
    if (action == ACT_TEAR) die();
    after(action);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    set_up();
    return is_ours(fd) ? write_here(fd, bytes, len) : real.write(fd, bytes, len);
}

/* Of several pieces only the first is written: callers must go on anyway. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    set_up();
    if (!is_ours(fd) || count < 1) return real.writev(fd, parts, count);
    return write_here(fd, parts[0].iov_base, parts[0].iov_len);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    if (count < 1) return 0;
    return pwrite(fd, parts[0].iov_base, parts[0].iov_len, at);
}

ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    set_up();
    if (!is_ours(fd)) return real.pread(fd, to, len, at);
    enum action action = meet_waiting(READ);
    if (action == ACT_ERROR) return -1;
    return real.pread(fd, to, action == ACT_SHORT ? (len + 1) / 2 : len, at);
}

ssize_t pread64(int fd, void *to, size_t len, off_t at)
{
    return pread(fd, to, len, at);
}

/* Syncing ------------------------------------------------------------------------------------- */

static int sync_path(const char *path, uint64_t ino, bool is_folder, int (*sync)(int), int fd)
{
    pthread_mutex_lock(&lock);
    uint64_t upto = position; /* what is written from now on it need not cover */
    enum action action = meet(is_folder ? SYNC_FOLDER : SYNC);
    pthread_mutex_unlock(&lock);
    wait_if(action);
    bool bad = action == ACT_ERROR;
    int code = errno;
    int rc = bad ? -1 : history < 0 ? sync(fd) : 0;
    pthread_mutex_lock(&lock);
    if (rc == 0 && is_folder)
        note(E_SYNC_FOLDER, 0, upto, 0, path, strlen(path));
    else if (!is_folder)
        note(rc == 0 ? E_SYNC : E_FORGET, ino, upto, 0, NULL, 0);
    after(action);
    pthread_mutex_unlock(&lock);
    if (bad) errno = code;
    return rc;
}

static int sync_file(int fd, int (*sync)(int))
{
    char path[PATH_MAX];
    struct stat now;
    if (!folder_len || !path_of(fd, path) || !below(path) || fstat(fd, &now) != 0) return sync(fd);
    return sync_path(below(path), now.st_ino, S_ISDIR(now.st_mode), sync, fd);
}

int fsync(int fd)
{
    set_up();
    return sync_file(fd, real.fsync);
}

int fdatasync(int fd)
{
    set_up();
    return sync_file(fd, real.fdatasync);
}

/* Sizes --------------------------------------------------------------------------------------- */

int ftruncate(int fd, off_t size)
{
    set_up();
    if (!is_ours(fd)) return real.ftruncate(fd, size);
    enum action action = meet_waiting(RESIZE);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    int rc = real.ftruncate(fd, size);
    if (rc == 0) note(E_RESIZE, ino_of(fd), (uint64_t)size, 0, NULL, 0);
    after(action);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    set_up();
    if (!is_ours(fd)) return real.fallocate(fd, mode, at, len);
    enum action action = meet_waiting(RESIZE);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    struct stat before, now;
    fstat(fd, &before);
    int rc = real.fallocate(fd, mode, at, len);
    if (rc == 0 && fstat(fd, &now) == 0 && now.st_size != before.st_size)
        note(E_RESIZE, now.st_ino, (uint64_t)now.st_size, 0, NULL, 0);
    after(action);
    pthread_mutex_unlock(&lock);
    return rc;
}

int fallocate64(int fd, int mode, off_t at, off_t len)
{
    return fallocate(fd, mode, at, len);
}

/* Names --------------------------------------------------------------------------------------- */

static int open_at(int at, const char *name, int flags, mode_t mode)
{
    char path[2 * PATH_MAX];
    const char *ours = name_of(at, name, path);
    if (!ours || !*ours) return real.openat(at, name, flags, mode);
    enum action action = meet_waiting(OPEN);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    bool creates = (flags & O_CREAT) && faccessat(at, name, F_OK, 0) != 0;
    int fd = real.openat(at, name, flags, mode);
    int code = errno;
    if (fd >= 0 && creates) note(E_CREATE, ino_of(fd), 0, 0, ours, strlen(ours));
    if (fd >= 0 && (flags & O_TRUNC)) note(E_RESIZE, ino_of(fd), 0, 0, NULL, 0);
    after(action);
    pthread_mutex_unlock(&lock);
    errno = code;
    return fd;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPENS(name_, at_, ...)                              \
    int name_(__VA_ARGS__ const char *name, int flags, ...) \
    {                                                       \
        set_up();                                           \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        mode_t mode = mode_of(flags, rest);                 \
        va_end(rest);                                       \
        return open_at(at_, name, flags, mode);             \
    }
#define AT int at,
OPENS(open, AT_FDCWD)
OPENS(open64, AT_FDCWD)
OPENS(openat, at, AT)
OPENS(openat64, at, AT)

int mkostemp(char *template, int flags)
{
    set_up();
    char path[2 * PATH_MAX];
    if (!name_of(AT_FDCWD, template, path)) return real.mkostemp(template, flags);
    if (meet_waiting(OPEN) == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    int fd = real.mkostemp(template, flags);
    const char *ours = name_of(AT_FDCWD, template, path);
    if (fd >= 0) note(E_CREATE, ino_of(fd), 0, 0, ours, strlen(ours));
    pthread_mutex_unlock(&lock);
    return fd;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    set_up();
    char a[2 * PATH_MAX], b[2 * PATH_MAX], both[4 * PATH_MAX];
    const char *x = name_of(from_at, from, a), *y = name_of(to_at, to, b);
    if (!x || !y) return real.renameat(from_at, from, to_at, to);
    enum action action = meet_waiting(RENAME);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    int rc = real.renameat(from_at, from, to_at, to);
    int len = snprintf(both, sizeof both, "%s%c%s", x, 0, y);
    if (rc == 0) note(E_RENAME, 0, 0, 0, both, (size_t)len);
    after(action);
    pthread_mutex_unlock(&lock);
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int at, const char *name, int flags)
{
    set_up();
    char path[2 * PATH_MAX];
    const char *ours = name_of(at, name, path);
    if (!ours) return real.unlinkat(at, name, flags);
    enum action action = meet_waiting(UNLINK);
    if (action == ACT_ERROR) return -1;
    pthread_mutex_lock(&lock);
    int rc = real.unlinkat(at, name, flags);
    if (rc == 0) note(E_UNLINK, 0, 0, 0, ours, strlen(ours));
    after(action);
    pthread_mutex_unlock(&lock);
    return rc;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}
