/* CLIENT: shared by the client*.c files alone. */
#ifndef HARK_SESSION_CLIENT_H
#define HARK_SESSION_CLIENT_H

#include "internal.h"

/* What TYPE can ask for. There are no masters or replicas yet, but the words are known. */
enum client_type { CLIENT_NORMAL, CLIENT_MASTER, CLIENT_REPLICA, CLIENT_PUBSUB, CLIENT_ANY };

enum client_type client_type_of(const struct session *s);
/* Reads a TYPE, or writes the error and returns false. */
bool client_parse_type(struct call *c, int i, enum client_type *out);

void client_info_command(struct call *c);
void client_list_command(struct call *c);
void client_kill_command(struct call *c);

#endif
