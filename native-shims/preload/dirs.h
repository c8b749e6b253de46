/* Names in emulated folders, for whoever lists them otherwise than by a stream. */
#ifndef DIRS_H
#define DIRS_H

#include <stdint.h>
#include <sys/types.h>

/* getdents64(2) of a descriptor of ours: bytes, or a negative errno. */
ssize_t list_ours(int fd, uint32_t handle, void *out, size_t size);

#endif
