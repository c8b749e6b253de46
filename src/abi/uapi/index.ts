/** The uapi headers of Linux as TypeScript: one file per header, constants under their exact C names. */
export * from './dma-buf.ts';
export * from './dma-heap.ts';
export * from './eventpoll.ts';
export * from './fcntl.ts';
export * from './file.ts';
export * from './fs.ts';
export * from './limits.ts';
export * from './mman.ts';
export * from './mount.ts';
export * from './poll.ts';
export * from './signal.ts';
export * from './stat.ts';
export * from './sw-sync.ts';
export * from './sync-file.ts';
export * from './uio.ts';
export * from './xattr.ts';
