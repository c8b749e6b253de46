/** The door for unmodified native programs under the preload library. */
export { type Addon, loadAddon } from './addon.ts';
export { FOLDER_MAX, folderLength } from './folder.ts';
export { type HostText, hostText, type Limit, type LimitedCall, limitBehind, limitReached, limits } from './limits.ts';
export { SharedMemoryProvider } from './memory.ts';
export { PreloadServer, type PreloadServerOptions } from './server.ts';
