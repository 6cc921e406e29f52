// fleet: many devices at once against POST /v1/sync, in one thread.
//
//   fleet --port P --clients FILE run
//   fleet --port P --clients FILE pull
//   fleet --port P --clients FILE --pushes FILE --stream S --head H wait
//
// FILE holds clients one after the other, each as the number of its requests in decimal and a
// newline, then each request as its length in decimal, a newline, and its bytes.
//
// `run`: all clients begin at once; each sends its requests in order, the next when the last was
// answered. One line of JSON: the seconds, answers by status class, how many entries ("rv":) and
// rejections came, the bytes of answers, percentiles of the answers in microseconds, and the
// processor time of this process.
//
// `pull`: all clients begin at once; each sends its first request, and then the second one until an
// answer ends with a commit. A run of # in the second stands for how far the client has come in the
// only stream that it pulls.
//
// `wait`: each client has one request that waits for news, in which a run of # stands for its
// cursor in the stream S, at first H. When all wait, the next request of --pushes is sent, by one
// client that is no waiter; each answer counts from that sending, and apart from that from the
// moment at which the writer had its own answer. Then all wait again from the head that they were
// told.
//
// Written in C for the reason that pace is: in Python the devices cost ten times what the server
// does, and their number is what is measured.

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "../generator.h"

#define BUFFER 262144
#define TAIL 512
#define WORDS 2
#define LONGEST_WORD 20
#define SETTLE 300000000u  // nanoseconds in which those who wait come to rest
#define MARK "################"
#define MARK_LENGTH 16

typedef struct {
  char *bytes;
  uint32_t length;
  uint32_t mark;  // where the cursor stands; 0 where that is not known
} Message;

typedef struct {
  int socket;
  bool busy, in_body;
  Message *messages;
  uint32_t message_count, next;
  uint32_t have, sent;
  uint64_t remaining, began;
  int status;
  char *head;       // while the head is read
  char tail[TAIL + 1];  // the end of the body, where the commit is
  uint32_t tail_length;
} Client;

// What is counted in the bodies of answers.
static const char *const words[WORDS] = {"\"rv\":", "\"result\":\"rejected\""};
static uint64_t counted[WORDS];
static char *scratch;
static Samples latencies, behind_commit;
static uint64_t by_class[6], bytes_in;

static Client *read_clients(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) die(path);
  Client *clients = NULL;
  size_t capacity = 0;
  unsigned requests;
  *count = 0;
  while (fscanf(file, "%u", &requests) == 1) {
    if (*count == capacity) {
      capacity = capacity ? capacity * 2 : 64;
      clients = realloc(clients, capacity * sizeof *clients);
      if (clients == NULL) die("memory");
    }
    Client *client = &clients[(*count)++];
    memset(client, 0, sizeof *client);
    client->messages = reserve(requests * sizeof(Message));
    client->message_count = requests;
    for (unsigned i = 0; i < requests; i++) {
      Message *message = &client->messages[i];
      message->bytes = read_bytes(file, &message->length);
      if (message->bytes == NULL) die("a file that is cut short");
    }
  }
  fclose(file);
  if (*count == 0) die("a file without clients");
  return clients;
}

static void connect_client(Client *client) {
  client->head = reserve(4096);
  client->socket = connect_socket(client);
}

// Sends as much of the message as the socket takes; the rest when there is room again.
static void pump(Client *client) {
  Message *message = &client->messages[client->next];
  while (client->sent < message->length) {
    ssize_t n = send(client->socket, message->bytes + client->sent,
                     message->length - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
      epoll_ctl(poller, EPOLL_CTL_MOD, client->socket, &event);
      return;
    }
    if (n <= 0) die("send");
    client->sent += (uint32_t)n;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  epoll_ctl(poller, EPOLL_CTL_MOD, client->socket, &event);
}

static void begin(Client *client) {
  client->busy = true;
  client->in_body = false;
  client->have = client->sent = client->tail_length = 0;
  client->began = now();
  pump(client);
}

static void count_words(int word, const char *from, size_t length) {
  const char *end = from + length;
  while ((from = memmem(from, (size_t)(end - from), words[word], strlen(words[word]))) != NULL) {
    counted[word]++;
    from += strlen(words[word]);
  }
}

static void take_body(Client *client, const char *from, size_t length) {
  for (int word = 0; word < WORDS; word++) {
    count_words(word, from, length);
    // And those that lie over the end of what was read before: each side is shorter than a word.
    char seam[2 * LONGEST_WORD];
    size_t most = strlen(words[word]) - 1;
    size_t before = client->tail_length < most ? client->tail_length : most;
    size_t after = length < most ? length : most;
    memcpy(seam, client->tail + client->tail_length - before, before);
    memcpy(seam + before, from, after);
    count_words(word, seam, before + after);
  }
  bytes_in += length;
  client->remaining -= length;
  if (length >= TAIL) {
    memcpy(client->tail, from + length - TAIL, TAIL);
    client->tail_length = TAIL;
    return;
  }
  size_t keep = TAIL - length < client->tail_length ? TAIL - length : client->tail_length;
  memmove(client->tail, client->tail + client->tail_length - keep, keep);
  memcpy(client->tail + keep, from, length);
  client->tail_length = (uint32_t)(keep + length);
}

// Reads what is there; true when the answer is whole.
static bool take(Client *client) {
  ssize_t n = recv(client->socket, scratch, BUFFER, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (n <= 0) die("a connection that was closed");
  char *from = scratch;
  while (n > 0 && !client->in_body) {
    if (client->have == 4095) die("a head that is too long");
    client->head[client->have++] = *from++;
    n--;
    client->head[client->have] = 0;
    if (client->have < 4 || memcmp(client->head + client->have - 4, "\r\n\r\n", 4)) continue;
    client->in_body = true;
    client->status = atoi(client->head + 9);
    char *size = strcasestr(client->head, "\r\ncontent-length:");
    if (size == NULL) die("an answer without a length");
    client->remaining = strtoull(size + 17, NULL, 10);
  }
  if (!client->in_body) return false;
  if ((uint64_t)n > client->remaining) die("more than the answer");
  take_body(client, from, (size_t)n);
  if (client->remaining > 0) return false;
  by_class[client->status / 100 < 6 ? client->status / 100 : 0]++;
  client->busy = false;
  return true;
}

static void report(double seconds) {
  sort(&latencies);
  sort(&behind_commit);
  uint64_t failed = by_class[0] + by_class[1] + by_class[3] + by_class[4] + by_class[5];
  printf("{\"seconds\":%.6f,\"answers\":%llu,\"failed\":%llu,\"entries\":%llu,"
         "\"rejected\":%llu,\"bytes\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,",
         seconds, (unsigned long long)by_class[2], (unsigned long long)failed,
         (unsigned long long)counted[0], (unsigned long long)counted[1],
         (unsigned long long)bytes_in, percentile(&latencies, 0.5), percentile(&latencies, 0.99),
         percentile(&latencies, 1));
  printf("\"behind_p50\":%.1f,\"behind_p99\":%.1f,\"cpu_seconds\":%.3f}\n",
         percentile(&behind_commit, 0.5), percentile(&behind_commit, 0.99), own_seconds());
}

// The tail as a text.
static const char *tail(Client *client) {
  client->tail[client->tail_length] = 0;
  return client->tail;
}

static void put_cursor(Message *message, uint64_t cursor) {
  if (message->mark == 0) {
    char *found = strstr(message->bytes, MARK);
    if (found == NULL) die("a request without a place for its cursor");
    message->mark = (uint32_t)(found - message->bytes);
  }
  char text[MARK_LENGTH + 1];
  snprintf(text, sizeof text, "%*llu", MARK_LENGTH, (unsigned long long)cursor);
  memcpy(message->bytes + message->mark, text, MARK_LENGTH);
}

// Points a client that pulls to what comes next; false when it has all.
static bool goes_on(Client *client) {
  const char *end = tail(client);
  if (strstr(end, "{\"frame\":\"commit\"") != NULL) return false;
  if (strstr(end, "{\"frame\":\"more\"") == NULL) die("an answer without an end");
  const char *to = NULL;
  for (const char *next = end; (next = strstr(next, "\"to\":")) != NULL; next += 5) to = next;
  if (to == NULL || client->message_count < 2) die("an answer that leads nowhere");
  client->next = 1;
  put_cursor(&client->messages[1], strtoull(to + 5, NULL, 10));
  return true;
}

static void run(Client *clients, size_t count, bool is_pull) {
  uint64_t began = now();
  size_t left = count;
  for (size_t i = 0; i < count; i++) begin(&clients[i]);
  struct epoll_event events[256];
  while (left > 0) {
    int ready = epoll_wait(poller, events, 256, 60000);
    if (ready == 0) die("no answer for a minute");
    for (int i = 0; i < ready; i++) {
      Client *client = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) pump(client);
      if (!(events[i].events & ~EPOLLOUT) || !take(client)) continue;
      append(&latencies, now() - client->began);
      if (is_pull ? goes_on(client) : ++client->next < client->message_count) begin(client);
      else left--;
    }
  }
  report((double)(now() - began) / 1e9);
}

// The stream's head in the commit at the end of an answer; 0 where it has not moved.
static uint64_t told(Client *client, const char *stream) {
  char key[64];
  const char *heads = strstr(tail(client), "\"heads\":{");
  if (heads == NULL) return 0;
  snprintf(key, sizeof key, "\"%s\":", stream);
  const char *found = strstr(heads, key);
  return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static void until(uint64_t time, const char *stream, uint64_t head) {
  struct epoll_event events[256];
  uint64_t at;
  while ((at = now()) < time) {
    int ready = epoll_wait(poller, events, 256, (int)((time - at) / 1000000) + 1);
    for (int i = 0; i < ready; i++) {
      Client *client = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) pump(client);
      if (!(events[i].events & ~EPOLLOUT) || !take(client)) continue;
      // Told of something that it had not heard of: it waits from there.
      uint64_t moved = told(client, stream);
      put_cursor(&client->messages[0], moved ? moved : head);
      begin(client);
    }
  }
}

static void wait_rounds(Client *clients, size_t count, Client *writer, const char *stream,
                        uint64_t head) {
  uint64_t began = now();
  for (size_t i = 0; i < count; i++) {
    put_cursor(&clients[i].messages[0], head);
    begin(&clients[i]);
  }
  struct epoll_event events[256];
  for (; writer->next < writer->message_count; writer->next++) {
    until(now() + SETTLE, stream, head);
    size_t left = count + 1;
    begin(writer);
    uint64_t pushed = writer->began, answered = 0;
    while (left > 0) {
      int ready = epoll_wait(poller, events, 256, 60000);
      if (ready == 0) die("no answer for a minute");
      for (int i = 0; i < ready; i++) {
        Client *client = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) pump(client);
        if (!(events[i].events & ~EPOLLOUT) || !take(client)) continue;
        left--;
        uint64_t at = now();
        if (client == writer) {
          answered = at;
          continue;
        }
        append(&latencies, at - pushed);
        append(&behind_commit, answered ? at - answered : 0);
        uint64_t moved = told(client, stream);
        if (moved) head = moved;
        else die("an answer without news");
      }
    }
    for (size_t i = 0; i < count; i++) {
      put_cursor(&clients[i].messages[0], head);
      begin(&clients[i]);
    }
  }
  report((double)(now() - began) / 1e9);
}

int main(int argc, char **argv) {
  generator = "fleet";
  const char *clients_path = NULL, *pushes_path = NULL, *stream = NULL, *mode = NULL;
  uint64_t head = 0;
  int port = 0;
  for (int i = 1; i < argc; i++) {
    if (i + 1 < argc && !strcmp(argv[i], "--port")) port = atoi(argv[++i]);
    else if (i + 1 < argc && !strcmp(argv[i], "--clients")) clients_path = argv[++i];
    else if (i + 1 < argc && !strcmp(argv[i], "--pushes")) pushes_path = argv[++i];
    else if (i + 1 < argc && !strcmp(argv[i], "--stream")) stream = argv[++i];
    else if (i + 1 < argc && !strcmp(argv[i], "--head")) head = strtoull(argv[++i], NULL, 10);
    else mode = argv[i];
  }
  if (port == 0 || clients_path == NULL || mode == NULL) die("usage: see the top of fleet.c");
  struct rlimit files = {65536, 65536};
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) errno = 0;
  set_port(port);
  scratch = reserve(BUFFER);
  size_t count;
  Client *clients = read_clients(clients_path, &count);
  for (size_t i = 0; i < count; i++) connect_client(&clients[i]);
  if (!strcmp(mode, "run") || !strcmp(mode, "pull")) {
    run(clients, count, !strcmp(mode, "pull"));
    return 0;
  }
  if (strcmp(mode, "wait") || pushes_path == NULL || stream == NULL) die("an unknown mode");
  size_t writers;
  Client *writer = read_clients(pushes_path, &writers);
  connect_client(writer);
  wait_rounds(clients, count, writer, stream, head);
  return 0;
}
