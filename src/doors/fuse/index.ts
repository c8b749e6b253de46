/** The door for shell tools: a machine's file tree as a mount of the host. */
export { Mount, type MountOptions, unmountLazily } from './mount.ts';
export type { Call, MountCallName } from './mount-calls.ts';
export { putReadme } from './readme.ts';
export { type Answer, type Caller, Requests, type Serving } from './requests.ts';
export { loadFuseNative, Shim } from './shim.ts';
