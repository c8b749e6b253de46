/* The entries of a walk by fts; fts.c goes through them. */
#ifndef FTS_ENTRIES_H
#define FTS_ENTRIES_H

#include <fts.h>
#include <stdbool.h>
#include <stddef.h>

/* Who asks what is in a folder. */
enum fts_reason { FTS_FOR_READ, FTS_FOR_CHILDREN, FTS_FOR_NAMES };

FTSENT *fts_make(FTS *f, const char *name, size_t length);
/* An entry and those beside it. */
void fts_free(FTSENT *e);
/* Looks at what an entry's path names. */
int fts_type(const FTS *f, FTSENT *e, bool follow);
FTSENT *fts_sort(FTS *f, FTSENT *head, size_t count);
/* Where the name of something in a folder begins in the path, behind the slash; and puts it there. */
size_t fts_name_at(const FTSENT *folder);
void fts_put_name(FTS *f, const FTSENT *e, size_t at);
/* What is in the folder that is visited. */
FTSENT *fts_build(FTS *f, enum fts_reason why);

#endif
