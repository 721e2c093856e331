/* --latency-dist: how the times of PING are spread, a line every second: a sign for each step of
 * time, the brighter behind it the more of the samples took so long. */
#include "cli.h"

enum { SAMPLE_MS = 10, SPAN_MS = 1000 };

static const struct step {
    double below_ms; /* up to this */
    char sign;
} steps[] = {
    {.01, '.'},  {.125, '-'}, {.25, '*'},  {.5, '#'},   {1, '1'},    {2, '2'},    {3, '3'},
    {4, '4'},    {5, '5'},    {6, '6'},    {7, '7'},    {8, '8'},    {9, '9'},    {10, 'A'},
    {20, 'B'},   {30, 'C'},   {40, 'D'},   {50, 'E'},   {100, 'F'},  {200, 'G'},  {300, 'H'},
    {400, 'I'},  {500, 'J'},  {1000, 'K'}, {2000, 'L'}, {4000, 'M'}, {8000, 'N'}, {16000, 'O'},
    {30e3, 'P'}, {60e3, 'Q'}, {0, '?'},
};
enum { STEPS = sizeof steps / sizeof *steps };

/* From no sample to all of them, of the 256 colours of terminals. */
static const int colours[] = {0,   233, 234, 235, 237, 239, 241, 243, 245, 247,
                              144, 143, 142, 184, 226, 214, 208, 202, 196};
enum { COLOURS = sizeof colours / sizeof *colours };

static void print_legend(void)
{
    static const char rule[] = "---------------------------------------------";
    printf("%s\n"
           ". - * #          .01 .125 .25 .5 milliseconds\n"
           "1,2,3,...,9      from 1 to 9     milliseconds\n"
           "A,B,C,D,E        10,20,30,40,50  milliseconds\n"
           "F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n"
           "K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n"
           "From 0 to 100%%: ",
           rule);
    for (int i = 0; i < COLOURS; i++) printf("\x1b[48;5;%dm ", colours[i]);
    printf("\x1b[0m\n%s\n", rule);
}

static void print_line(const long counts[STEPS], long all)
{
    printf("\x1b[38;5;0m");
    for (int i = 0; i < STEPS; i++) {
        long colour =
            (counts[i] * (COLOURS - 1) + all - 1) / all; /* none is black, and only that */
        printf("\x1b[48;5;%dm%c", colours[colour], steps[i].sign);
    }
    printf("\x1b[0m\n");
    fflush(stdout);
}

static int step_of(double ms)
{
    int i = 0;
    while (i < STEPS - 1 && ms > steps[i].below_ms) i++;
    return i;
}

int latency_dist_run(struct session *s)
{
    double span = s->options->interval_given ? s->options->interval_s * 1e3 : SPAN_MS;
    print_legend();
    for (;;) {
        long counts[STEPS] = {0}, all = 0;
        double begin = now_ms();
        do {
            double start = now_ms();
            hark_reply_free(session_ask(s, 1, (const char *[]){"PING"}, NULL));
            counts[step_of(now_ms() - start)]++;
            all++;
            sleep_ms(SAMPLE_MS);
        } while (now_ms() - begin < span);
        print_line(counts, all);
    }
}
