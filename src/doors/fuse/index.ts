/** The door for shell tools: a machine's file tree as a mount of the host. */
export { Mount, type MountOptions, unmountLazily } from './mount.ts';
export { loadFuseNative, Shim } from './shim.ts';
