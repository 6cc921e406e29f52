// pace: sends HTTP/1.1 requests at a steady rate and measures each from the moment it was due.
//
//   pace --port P --connections N --requests FILE [--rate R] [--seconds S | --once] [--warmup S]
//
// With --rate the load is open: request k is due at start + k / R, whatever the server does, and
// its latency counts from then, so a stalled server cannot hide by slowing its callers down
// (Gil Tene's "coordinated omission"). Without --rate each connection sends its next request when
// the last was answered. --once sends every request of the file one time and stops.
//
// FILE holds requests one after the other, each as its length in decimal, a newline, and its
// bytes; the placeholder %%%%%%%%-%%%%-%%%%-%%%%-%%%%%%%%%%%% becomes a fresh UUID (version 7).
// One line of JSON on standard output: counts by status class, the rate reached, latency
// percentiles in microseconds (of all answers, and of those with 2xx alone), and how late the
// generator itself sent (that must stay small against the latency, or the generator is what was
// measured).
//
// From 5,000 requests a second it works in ticks of 0.1 ms, which adds up to a tick to a latency
// and halves what the generator takes from the server on the same cores; and it asks for a better
// priority, which only root gets.
//
// Written in C: the same loop in Python costs ten times the CPU of the server beside it, and wrk
// has no open load.

#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "generator.h"

#define BUFFER 65536
#define TICK 100000u  // nanoseconds
#define PLACEHOLDER "%%%%%%%%-%%%%-%%%%-%%%%-%%%%%%%%%%%%"

typedef struct {
  char *bytes;
  uint32_t length;
  int32_t identifier;  // offset of the placeholder, or -1
} Message;

typedef struct {
  int socket;
  bool busy;
  bool in_body;
  uint32_t have;       // bytes of the head in `buffer`
  uint64_t remaining;  // bytes of the body still to come
  int status;
  uint64_t due;
  bool counted;
  char *buffer;
} Client;

static Message *messages;
static size_t message_count, next_message;
static Client *clients;
static int *idle;  // a ring of free clients
static size_t idle_first, idle_count, client_count;
static Samples latencies, good, delays;
static uint64_t by_class[6], disconnects, random_state;

static uint64_t random64(void) {  // splitmix64 (Steele, Lea, Flood 2014)
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void write_hex(char *to, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; i--, value >>= 4) to[i] = "0123456789abcdef"[value & 15];
}

static void write_identifier(char *to) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  uint64_t milliseconds = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
  write_hex(to, 8, milliseconds >> 16);
  write_hex(to + 9, 4, milliseconds);
  write_hex(to + 14, 4, 0x7000 | (random64() & 0xfff));
  write_hex(to + 19, 4, 0x8000 | (random64() & 0x3fff));
  write_hex(to + 24, 12, random64());
}

static void read_messages(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) die(path);
  size_t capacity = 0;
  uint32_t length;
  char *bytes;
  while ((bytes = read_bytes(file, &length)) != NULL) {
    if (message_count == capacity) {
      capacity = capacity ? capacity * 2 : 1024;
      messages = realloc(messages, capacity * sizeof *messages);
      if (messages == NULL) die("memory");
    }
    char *mark = strstr(bytes, PLACEHOLDER);
    messages[message_count++] =
        (Message){bytes, length, mark ? (int32_t)(mark - bytes) : -1};
  }
  fclose(file);
  if (message_count == 0) die("the file holds no requests");
}

static void open_client(Client *client) {
  client->socket = connect_socket(client);
  client->busy = client->in_body = false;
  client->have = 0;
}

static void release(Client *client) {
  client->busy = false;
  idle[(idle_first + idle_count++) % client_count] = (int)(client - clients);
}

static void lose(Client *client) {
  if (client->busy && client->counted) disconnects++;
  bool was_busy = client->busy;
  close(client->socket);
  open_client(client);
  if (was_busy) release(client);
}

static void transmit(Client *client, uint64_t due, bool counted) {
  Message *message = &messages[next_message++ % message_count];
  if (message->identifier >= 0) write_identifier(message->bytes + message->identifier);
  client->busy = true;
  client->in_body = false;
  client->have = 0;
  client->due = due;
  client->counted = counted;
  ssize_t sent = send(client->socket, message->bytes, message->length, MSG_NOSIGNAL);
  if (sent != (ssize_t)message->length) lose(client);
}

static void finish(Client *client) {
  if (client->counted) {
    uint64_t latency = now() - client->due;
    append(&latencies, latency);
    if (client->status / 100 == 2) append(&good, latency);
    by_class[client->status / 100 % 6]++;
  }
  release(client);
}

// Reads the status line and the length; the head is whole and ends with a zero byte.
static void read_head(Client *client, const char *head) {
  client->status = atoi(head + 9);
  const char *length = strcasestr(head, "\r\ncontent-length:");
  if (strcasestr(head, "\r\ntransfer-encoding:")) {
    errno = 0;
    die("chunked answers are not measured here");
  }
  client->remaining = length ? strtoull(length + 17, NULL, 10) : 0;
}

static void receive(Client *client) {
  for (;;) {
    char *into = client->in_body ? client->buffer : client->buffer + client->have;
    size_t room = client->in_body ? BUFFER : BUFFER - 1 - client->have;
    ssize_t got = recv(client->socket, into, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || !client->busy) return lose(client);
    if (client->in_body) {
      client->remaining -= (uint64_t)got < client->remaining ? (uint64_t)got : client->remaining;
    } else {
      client->have += (uint32_t)got;
      client->buffer[client->have] = 0;
      char *end = strstr(client->buffer, "\r\n\r\n");
      if (end == NULL) {
        if (client->have == BUFFER - 1) return lose(client);
        continue;
      }
      uint64_t body = client->have - (uint64_t)(end + 4 - client->buffer);
      end[2] = 0;
      read_head(client, client->buffer);
      client->in_body = true;
      client->remaining -= body < client->remaining ? body : client->remaining;
    }
    if (client->remaining == 0) return finish(client);
  }
}

static void report(double seconds) {
  sort(&latencies);
  sort(&good);
  sort(&delays);
  printf("{\"requests\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"ok\":%lu,\"redirected\":%lu,"
         "\"refused\":%lu,\"failed\":%lu,\"disconnects\":%lu,",
         latencies.count, seconds, (double)latencies.count / seconds, by_class[2], by_class[3],
         by_class[4], by_class[5], disconnects);
  printf("\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,",
         percentile(&latencies, 0.5), percentile(&latencies, 0.9),
         percentile(&latencies, 0.99), percentile(&latencies, 0.999),
         percentile(&latencies, 1));
  printf("\"ok_p50\":%.1f,\"ok_p99\":%.1f,\"ok_max\":%.1f,", percentile(&good, 0.5),
         percentile(&good, 0.99), percentile(&good, 1));
  printf("\"late_p99\":%.1f,\"late_max\":%.1f,\"cpu_seconds\":%.3f}\n",
         percentile(&delays, 0.99), percentile(&delays, 1),
         own_seconds());
}

static void run(double rate, double seconds, double warmup, bool once) {
  struct epoll_event events[256];
  uint64_t start = now(), interval = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
  uint64_t measured = start + (uint64_t)(warmup * 1e9);
  uint64_t end = measured + (uint64_t)(seconds * 1e9), due = start, freed = start, tick = start;
  bool ticking = rate >= 5000;
  for (;;) {
    uint64_t time = now();
    bool over = once ? next_message >= message_count : time >= end;
    while (!over && idle_count > 0 && (interval == 0 || due <= time)) {
      Client *client = &clients[idle[idle_first]];
      idle_first = (idle_first + 1) % client_count;
      idle_count--;
      uint64_t from = interval ? due : now();
      if (interval && from >= measured) {  // late through its own fault, not for want of a client
        uint64_t possible = due > freed ? due : freed;
        append(&delays, time > possible ? time - possible : 0);
      }
      transmit(client, from, from >= measured);
      due += interval;
      time = now();
      over = once ? next_message >= message_count : time >= end;
    }
    if (over && idle_count == client_count) break;
    if (over && !once && time > end + 5000000000u) break;  // what is unanswered by now is lost
    uint64_t until = over ? time + 100000000u : interval && idle_count > 0 ? due : end;
    if (once && !over) until = time + 100000000u;
    uint64_t wait = until > time ? until - time : 0;
    if (ticking) {
      tick = tick + TICK > time ? tick + TICK : time;
      struct timespec at = {(time_t)(tick / 1000000000u), (long)(tick % 1000000000u)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
      wait = 0;
    }
    struct timespec limit = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    bool starved = idle_count == 0;
    int ready = epoll_pwait2(poller, events, 256, &limit, NULL);
    if (ready < 0 && errno != EINTR) die("epoll_pwait2");
    for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    if (starved && idle_count > 0) freed = now();
  }
  uint64_t stopped = now();
  for (size_t i = 0; i < client_count; i++)
    if (clients[i].busy && clients[i].counted) disconnects++;
  report((double)((once || stopped < end ? stopped : end) - measured) / 1e9);
}

int main(int argc, char **argv) {
  generator = "pace";
  double rate = 0, seconds = 5, warmup = 0;
  bool once = false;
  const char *path = NULL;
  int port = 0;
  client_count = 1;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--once") == 0) once = true;
    else if (i + 1 >= argc) die("an option lacks its value");
    else if (strcmp(argv[i], "--port") == 0) port = atoi(argv[++i]);
    else if (strcmp(argv[i], "--connections") == 0) client_count = (size_t)atoi(argv[++i]);
    else if (strcmp(argv[i], "--requests") == 0) path = argv[++i];
    else if (strcmp(argv[i], "--rate") == 0) rate = atof(argv[++i]);
    else if (strcmp(argv[i], "--seconds") == 0) seconds = atof(argv[++i]);
    else if (strcmp(argv[i], "--warmup") == 0) warmup = atof(argv[++i]);
    else die(argv[i]);
  }
  if (path == NULL || port == 0 || client_count == 0) die("--port and --requests are needed");
  prctl(PR_SET_TIMERSLACK, 1);
  setpriority(PRIO_PROCESS, 0, -10);
  random_state = now() ^ ((uint64_t)getpid() << 32);
  set_port(port);
  read_messages(path);
  clients = reserve(client_count * sizeof *clients);
  idle = reserve(client_count * sizeof *idle);
  for (size_t i = 0; i < client_count; i++) {
    clients[i].buffer = reserve(BUFFER);
    open_client(&clients[i]);
    release(&clients[i]);
  }
  run(rate, seconds, warmup, once);
}
