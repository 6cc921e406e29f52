#pragma once
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

// curl's calls with a variable list of arguments, which Swift cannot make, one for each type.
static inline CURLcode roost_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode roost_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode roost_curl_set_list(
    CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode roost_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode roost_curl_set_data(CURL *handle, CURLoption option, curl_write_callback f) {
  return curl_easy_setopt(handle, option, f);
}
static inline CURLcode roost_curl_set_progress(CURL *handle, curl_xferinfo_callback f) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, f);
}
static inline CURLcode roost_curl_set_socket(CURL *handle, curl_opensocket_callback f) {
  return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, f);
}
static inline CURLcode roost_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode roost_curl_get_text(CURL *handle, CURLINFO info, char **value) {
  return curl_easy_getinfo(handle, info, value);
}
static inline const struct sockaddr *roost_curl_address(const struct curl_sockaddr *address) {
  return &address->addr;
}
