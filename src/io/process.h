/* The process itself: its limits, its memory, its machine. */
#ifndef HARK_IO_PROCESS_H
#define HARK_IO_PROCESS_H

#include <stddef.h>
#include <stdint.h>

int process_id(void);
/* Raises the limit of open files to `want` if it may; returns what it is then. */
uint64_t process_raise_files(uint64_t want);
/* Resident bytes now, and at most so far; 0 when the system does not tell. */
size_t process_resident(size_t *peak);
/* Physical memory of the machine in bytes. */
uint64_t process_machine_memory(void);
/* What of it the process may take: less in a container with a limit. */
uint64_t process_memory_limit(void);
/* "Linux 6.1.0 x86_64"; never fails. */
void process_machine_name(char *to, size_t size);
/* The path of the running program; empty when the system does not tell. */
void process_executable(char *to, size_t size);
/* What ps shows, up to the room that argv and the environment take. argv as main got it. */
void process_set_title(char **argv, const char *title);

#endif
