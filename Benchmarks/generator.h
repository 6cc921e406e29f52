// What the load generators pace.c and sync/fleet.c share: time, memory, the end on a fault, figures.

#ifndef ROOST_GENERATOR_H
#define ROOST_GENERATOR_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

// The generator's own name, for what it says about itself.
static const char *generator;
static struct sockaddr_in address;
static int poller;

static void die(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", generator, what, errno ? strerror(errno) : "failed");
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *reserve(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) die("memory");
  return memory;
}

// Values that are sorted at the end.
typedef struct {
  uint64_t *values;
  size_t count, capacity;
} Samples;

static void append(Samples *samples, uint64_t value) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity ? samples->capacity * 2 : 1 << 14;
    samples->values = realloc(samples->values, samples->capacity * sizeof *samples->values);
    if (samples->values == NULL) die("memory");
  }
  samples->values[samples->count++] = value;
}

static int ascending(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return a < b ? -1 : a > b;
}

static void sort(Samples *samples) {
  if (samples->count) qsort(samples->values, samples->count, sizeof *samples->values, ascending);
}

// Of nanoseconds that are sorted, in microseconds.
static double percentile(const Samples *sorted, double share) {
  if (sorted->count == 0) return 0;
  size_t index = (size_t)(share * (double)(sorted->count - 1) + 0.5);
  return (double)sorted->values[index] / 1000;
}

// Reads a length in decimal, a newline and so many bytes, which a zero byte ends; NULL at the end.
static char *read_bytes(FILE *file, uint32_t *length) {
  unsigned size;
  if (fscanf(file, "%u", &size) != 1) return NULL;
  if (fgetc(file) != '\n' || size > 1u << 24) die("a malformed file of requests");
  char *bytes = reserve((size_t)size + 1);
  if (fread(bytes, 1, size, file) != size) die("a file of requests that is cut short");
  *length = size;
  return bytes;
}

static void set_port(int port) {
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
}

// Connects to the server, and has the poller tell when there is something to read for `owner`.
static int connect_socket(void *owner) {
  int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) die("socket");
  if (connect(made, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
  int one = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, made, &event) < 0) die("epoll_ctl");
  return made;
}

// User and system time of this process, in seconds.
static double own_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

#endif
