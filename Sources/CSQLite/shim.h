#pragma once
#include <sqlite3.h>

// Macros that Swift cannot import: a destructor that asks SQLite to copy a bound value, and one that
// says that the value outlives the statement.
static inline sqlite3_destructor_type roost_sqlite_transient(void) { return SQLITE_TRANSIENT; }
static inline sqlite3_destructor_type roost_sqlite_static(void) { return SQLITE_STATIC; }
