/* hark-server [file] [--directive value …] */
#include "rewind.h"
#include "server.h"

#include "../io/process.h"

#include <stdio.h>
#include <string.h>

static void usage(FILE *to)
{
    fputs("Usage: hark-server [file] [--directive value ...]\n"
          "       hark-server - (the configuration comes from standard input)\n"
          "       hark-server [--dir OLD] --recover-until MOMENT --recover-to NEW\n"
          "       hark-server --version | --help\n"
          "\n"
          "Directives have the names and the syntax of redis.conf. Examples:\n"
          "       hark-server                                (port 6379)\n"
          "       hark-server hark.conf --loglevel verbose\n"
          "       hark-server --port 7000 --notify-keyspace-events KEA\n"
          "\n"
          "--recover-until puts the data as it was at that moment into the folder NEW, and ends;\n"
          "OLD is not touched, and a server may be at work there. MOMENT is an id\n"
          "(1763800000123-4, up to and including it), unix milliseconds, a time\n"
          "(2026-11-22T12:00:00Z) or how long ago (90s, 10m, 2h, 1d).\n",
          to);
}

static bool asks_for(int argc, char **argv, const char *word, const char *letter)
{
    return argc == 2 && (strcmp(argv[1], word) == 0 || strcmp(argv[1], letter) == 0);
}

static void announce(struct server *s)
{
    log_line(&s->log, LOGLEVEL_NOTICE, "Hark %s, pid %d, %s port %lld%s%s", HARK_VERSION,
             process_id(), s->config.bind.count ? s->config.bind.at[0].at : "no",
             (long long)s->config.port, s->config.unixsocket.len ? ", unix socket " : "",
             s->config.unixsocket.len ? s->config.unixsocket.at : "");
}

static int write_pidfile(const char *path)
{
    FILE *f = fopen(path, "we");
    if (!f) return -1;
    fprintf(f, "%d\n", process_id());
    return fclose(f);
}

/* Takes an option of ours, and its value, out of the command line; NULL: it is not there. */
static const char *take_option(int *argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) != 0) continue;
        const char *value = argv[i + 1];
        *argc -= 2;
        for (int k = i; k <= *argc; k++) argv[k] = argv[k + 2];
        return value;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *until = take_option(&argc, argv, "--recover-until");
    const char *to = take_option(&argc, argv, "--recover-to");
    if (asks_for(argc, argv, "--version", "-v")) {
        printf("Hark server v=%s bits=%zu\n", HARK_VERSION, sizeof(void *) * 8);
        return 0;
    }
    if (asks_for(argc, argv, "--help", "-h")) {
        usage(stdout);
        return 0;
    }
    struct config config;
    char error[CONFIG_ERROR_MAX];
    config_defaults(&config);
    if (config_load(&config, argc, argv, error, sizeof error) != 0) {
        fprintf(stderr, "hark-server: %s\n", error);
        config_fini(&config);
        return 1;
    }
    if (until || to) {
        int code = rewind_run(&config, until, to);
        config_fini(&config);
        return code;
    }
    static struct server server;
    if (server_init(&server, config, argv) != 0) {
        server_fini(&server);
        return 1;
    }
    struct slice pidfile = server.config.pidfile;
    if (pidfile.len && write_pidfile(pidfile.at) != 0)
        log_line(&server.log, LOGLEVEL_WARNING, "Cannot write the pidfile %s", pidfile.at);
    if (server.config.set_proc_title) {
        char title[128];
        snprintf(title, sizeof title, "hark-server %s:%lld",
                 server.config.bind.count ? server.config.bind.at[0].at : "*",
                 (long long)server.config.port);
        process_set_title(argv, title);
    }
    announce(&server);
    int code = server_run(&server);
    if (pidfile.len) remove(pidfile.at);
#ifdef HARK_DEBUG
    server_fini(&server); /* for those who look for leaks: a hundred million keys take a while */
#endif
    return code;
}
