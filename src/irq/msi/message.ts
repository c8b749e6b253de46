/** Messages that are interrupts on a PC: their two formats (6.1 of docs/reference/ims-dsa.md, arch/x86/include/asm/msi.h). */

/** What a device writes, and where: `struct msi_msg`. Each part has 32 bits. */
export interface MsiMessage {
  readonly addressLo: number;
  readonly addressHi: number;
  readonly data: number;
}

/** What a slot holds whose interrupt is not active. */
export const NO_MESSAGE: MsiMessage = { addressLo: 0, addressHi: 0, data: 0 };

/** Bits 31:20 of every address that is an interrupt and no memory. */
const WINDOW = 0xfee;
const REMAPPABLE = 1 << 4;
const SUBHANDLE_VALID = 1 << 3;
const LOGICAL = 1 << 2;

export const isSameMessage = (one: MsiMessage, other: MsiMessage): boolean =>
  one.addressLo === other.addressLo && one.addressHi === other.addressHi && one.data === other.data;

/** Whether it goes to the processors; everything else is a write to memory. */
export const isInterrupt = ({ addressLo, addressHi }: MsiMessage): boolean => addressHi === 0 && addressLo >>> 20 === WINDOW;

export const isRemappable = ({ addressLo }: MsiMessage): boolean => (addressLo & REMAPPABLE) !== 0;

const window = (bits: number): number => ((WINDOW << 20) | bits) >>> 0;

/** For a unit that remaps: names an entry of its table. */
export function remappableMessage(handle: number): MsiMessage {
  const bits = ((handle & 0x7fff) << 5) | REMAPPABLE | SUBHANDLE_VALID | (((handle >> 15) & 1) << 2);
  return { addressLo: window(bits), addressHi: 0, data: 0 };
}

/** The entry that a message names, its sub-handle added when it says that it has one. */
export function handleOf({ addressLo, data }: MsiMessage): number {
  const handle = ((addressLo >> 5) & 0x7fff) | ((addressLo & 4) << 13);
  return handle + ((addressLo & SUBHANDLE_VALID) !== 0 ? data & 0xffff : 0);
}

/** Straight to a vector. @param destination an APIC's number, physical; 8 bits fit */
export function compatibilityMessage(destination: number, vector: number): MsiMessage {
  return { addressLo: window((destination & 0xff) << 12), addressHi: 0, data: vector };
}

/** Which processor and vector a message of the compatibility format is for. Of a logical destination, which is a set, the first. */
export function targetOf({ addressLo, data }: MsiMessage): { readonly cpu: number; readonly vector: number } {
  const destination = (addressLo >> 12) & 0xff;
  const isLogical = (addressLo & LOGICAL) !== 0;
  return { cpu: isLogical ? 31 - Math.clz32(destination & -destination) : destination, vector: data & 0xff };
}
