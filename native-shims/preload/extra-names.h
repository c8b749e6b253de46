/* Names that the machine has in a real folder and the host has not. */
#ifndef EXTRA_NAMES_H
#define EXTRA_NAMES_H

#include <dirent.h>

/* The next one for a stream of the C library's that has come to its end, or NULL. It lasts until the next call. */
struct dirent *next_extra(DIR *dir);
/* The stream begins again, or ends. */
void drop_extra(DIR *dir);

#endif
