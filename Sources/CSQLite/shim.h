#pragma once
#include <sqlite3.h>

// Macros that Swift cannot import: a destructor that asks SQLite to copy a bound value, and one that
// says that the value outlives the statement.
static inline sqlite3_destructor_type roost_sqlite_transient(void) { return SQLITE_TRANSIENT; }
static inline sqlite3_destructor_type roost_sqlite_static(void) { return SQLITE_STATIC; }

// Variadic functions that Swift cannot call.

// Settings of the whole process, before the first connection: no statistics of memory (they take a
// global lock at every allocation), and connections that are used by one thread at a time.
static inline int roost_sqlite_configure(void) {
  int status = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  if (status == SQLITE_OK) status = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
  return status == SQLITE_OK ? sqlite3_initialize() : status;
}

// Switches an option of a connection (SQLITE_DBCONFIG_…) on or off.
static inline int roost_sqlite_option(sqlite3 *database, int option, int value) {
  return sqlite3_db_config(database, option, value, (int *)0);
}
