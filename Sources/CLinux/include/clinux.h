#pragma once
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>

// The event loop whose thread this is, or NULL.
void *roost_current_loop(void);
void roost_set_current_loop(void *loop);

// Binds and listens on a literal IPv4 or IPv6 address; returns the descriptor, or minus errno.
// EINVAL: `address` is not a literal address. `reuse_port` lets several sockets share the port.
int roost_listen(const char *address, int port, int reuse_port, int backlog);

// The port to which a socket is bound, or minus errno.
int roost_bound_port(int descriptor);

// Lets nobody begin a connection to a listener any more: the first packet of a handshake is dropped,
// the others are not. Returns 0, or minus errno.
int roost_refuse_handshakes(int listener);

// Accepts a connection without blocking and without delay of small segments, and writes the peer's
// address into `address`; returns the descriptor, or minus errno.
int roost_accept(int listener, char *address, size_t capacity);

// Sends two pieces by one call, without SIGPIPE; returns the count, or minus errno.
ssize_t roost_send(int descriptor, const void *first, size_t first_count, const void *second,
                   size_t second_count);
