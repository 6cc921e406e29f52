#include "clinux.h"

static _Thread_local void *current_loop;

void *roost_current_loop(void) { return current_loop; }
void roost_set_current_loop(void *loop) { current_loop = loop; }
