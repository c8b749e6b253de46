/** drivers/misc/xlink-ipc and xlink-core of Intel's kernels for Keem Bay: /dev/xlnk. Sections 15 and 16 of docs/reference/keembay-ipc.md. */
export { XLINK_DEFECTS } from './defects.ts';
export { addXlnkNode } from './node.ts';
export { XlinkCore } from './xlink-core.ts';
export { XlinkIpc, type XlinkIpcDescription } from './xlink-ipc.ts';
