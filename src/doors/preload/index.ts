/** The door for unmodified native programs under the preload library. */
export { type Addon, loadAddon } from './addon.ts';
export { SharedMemoryProvider } from './memory.ts';
export { PreloadServer, type PreloadServerOptions } from './server.ts';
