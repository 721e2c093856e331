/* Signals as something to read: blocked for the process, told by a descriptor. */
#ifndef HARK_IO_SIGNALS_H
#define HARK_IO_SIGNALS_H

enum signal_kind { SIGNAL_NONE, SIGNAL_TERMINATE, SIGNAL_INTERRUPT };

/* Blocks SIGTERM and SIGINT, ignores SIGPIPE and SIGHUP; returns a descriptor that is readable when
 * one has come, or ERR_IO. */
int signals_open(void);
/* The next one that has come, or SIGNAL_NONE. */
enum signal_kind signals_read(int fd);

#endif
