/** The door for programs that use `node:fs`. */
export { createNodeFs, type NodeFs } from './node-fs.ts';
