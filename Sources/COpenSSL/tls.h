#pragma once
// What Swift cannot import of OpenSSL's TLS: macros, and a socket that raises no SIGPIPE.
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

static inline int roost_tls_set_versions(SSL_CTX *context, int minimum, int maximum) {
  return SSL_CTX_set_min_proto_version(context, minimum) == 1 &&
         SSL_CTX_set_max_proto_version(context, maximum) == 1;
}

static inline void roost_tls_set_modes(SSL_CTX *context) {
  // A write may take a part, and is tried again from wherever its bytes have moved to.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
}

static inline int roost_tls_set_groups(SSL_CTX *context, const char *groups) {
  return SSL_CTX_set1_groups_list(context, groups) == 1;
}

static inline int roost_tls_add_to_chain(SSL_CTX *context, X509 *certificate) {
  return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

static inline void roost_tls_on_server_name(SSL_CTX *context,
                                            int (*choose)(SSL *, int *, void *), void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, choose);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}

// A socket as a source and sink of TLS records. Its data is the descriptor.

static inline int roost_tls_descriptor(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static inline int roost_tls_socket_write(BIO *bio, const char *bytes, int count) {
  BIO_clear_retry_flags(bio);
  ssize_t sent = send(roost_tls_descriptor(bio), bytes, (size_t)count, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return (int)sent;
}

static inline int roost_tls_socket_read(BIO *bio, char *bytes, int count) {
  BIO_clear_retry_flags(bio);
  ssize_t received = recv(roost_tls_descriptor(bio), bytes, (size_t)count, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return (int)received;
}

static inline long roost_tls_socket_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return 0;
}

// Made once for the process; NULL where memory is out.
static inline BIO_METHOD *roost_tls_socket_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  if (method == NULL) return NULL;
  BIO_meth_set_write(method, roost_tls_socket_write);
  BIO_meth_set_read(method, roost_tls_socket_read);
  BIO_meth_set_ctrl(method, roost_tls_socket_control);
  return method;
}

static inline int roost_tls_use_socket(SSL *session, const BIO_METHOD *method, int descriptor) {
  BIO *bio = BIO_new(method);
  if (bio == NULL) return 0;
  BIO_set_data(bio, (void *)(intptr_t)descriptor);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  return 1;
}

// What OpenSSL says about its latest failure on this thread; the queue is empty afterwards.
static inline void roost_tls_take_error(char *text, size_t capacity) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  size_t length = 0;
  for (; reason != NULL && reason[length] != 0 && length + 1 < capacity; length++) {
    text[length] = reason[length];
  }
  text[length] = 0;
  ERR_clear_error();
}
