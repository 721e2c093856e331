#include "process.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

int process_id(void)
{
    return (int)getpid();
}

uint64_t process_raise_files(uint64_t want)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return want;
    if (limit.rlim_cur >= want) return limit.rlim_cur;
    struct rlimit raised = {want, limit.rlim_max > want ? limit.rlim_max : want};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return want;
    raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return limit.rlim_max;
    return limit.rlim_cur;
}

size_t process_resident(size_t *peak)
{
    struct rusage usage;
    *peak = getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    unsigned long size = 0, resident = 0;
    int n = fscanf(f, "%lu %lu", &size, &resident);
    fclose(f);
    return n == 2 ? resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t process_machine_memory(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The number in a file, or UINT64_MAX: no such file, or the word "max". */
static uint64_t limit_in(const char *path)
{
    unsigned long long limit = UINT64_MAX;
    FILE *f = fopen(path, "re");
    if (!f) return UINT64_MAX;
    if (fscanf(f, "%llu", &limit) != 1) limit = UINT64_MAX;
    fclose(f);
    return limit;
}

/* The limit of our own control group (version 2); inside a container that is the root of all it
 * sees. */
static uint64_t own_group_limit(void)
{
    char line[1024], path[1100];
    uint64_t limit = UINT64_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::", 3) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
        limit = limit_in(path);
    }
    if (f) fclose(f);
    return limit;
}

uint64_t process_memory_limit(void)
{
    const uint64_t limits[] = {own_group_limit(), limit_in("/sys/fs/cgroup/memory.max"),
                               limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes")};
    uint64_t least = process_machine_memory();
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i] < least) least = limits[i];
    return least;
}

void process_machine_name(char *to, size_t size)
{
    struct utsname name;
    uname(&name);
    snprintf(to, size, "%s %s %s", name.sysname, name.release, name.machine);
}

void process_executable(char *to, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", to, size - 1);
    to[n > 0 ? n : 0] = 0;
}

/* The arguments lie one behind the other, so the last one's end is the end of the room. */
void process_set_title(char **argv, const char *title)
{
    char *end = argv[0] + strlen(argv[0]) + 1;
    for (int i = 1; argv[i]; i++)
        if (argv[i] == end) end = argv[i] + strlen(argv[i]) + 1;
    size_t room = (size_t)(end - argv[0]);
    memset(argv[0], 0, room);
    snprintf(argv[0], room, "%s", title);
    prctl(PR_SET_NAME, "hark-server");
}
