/* What closing and fcntl tell the file locks. */
#ifndef LOCKS_H
#define LOCKS_H

/* A command of fcntl is about to be sent. */
void note_record_lock(int command);
/* A descriptor is about to be closed. */
void drop_record_locks(int fd);

#endif
