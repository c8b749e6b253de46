/** FunctionFS: functions of USB gadgets that programs make (drivers/usb/gadget/function/f_fs.c of Linux). */
export { FFS_DEFECTS } from './defects.ts';
export { type DmabufVariantName, setDmabufVariant } from './dmabuf-variant.ts';
export { addFunctionFs } from './instance.ts';
export { addInstance, type FfsInstance } from './instances.ts';
