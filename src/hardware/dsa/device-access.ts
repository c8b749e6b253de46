/** Memory as an engine uses it: in pieces, up to the first byte that is not there. */
import type { Kernel } from '../../kernel/index.ts';
import type { DeviceMemory } from '../../ports/dsa/index.ts';

/** An address has no translation, or not for that. */
export class TranslationFault {
  readonly address: number;
  readonly isWrite: boolean;

  constructor(address: number, isWrite: boolean) {
    this.address = address;
    this.isWrite = isWrite;
  }
}

/** An engine moves so much at a time. */
export const PIECE = 65_536;

/** All of a range. @throws TranslationFault at the first byte that is not there */
export function* fetch(memory: DeviceMemory, address: number, length: number): Kernel<Uint8Array> {
  const bytes = yield* memory.read(address, length);
  if (bytes.length < length) throw new TranslationFault(address + bytes.length, false);
  return bytes;
}

/** All of a range. @throws TranslationFault at the first byte that is not there; those before it are written */
export function* put(memory: DeviceMemory, address: number, bytes: Uint8Array): Kernel<void> {
  const done = yield* memory.write(address, bytes);
  if (done < bytes.length) throw new TranslationFault(address + done, true);
}

/**
 * Hands a range over piece by piece.
 *
 * @throws TranslationFault once what lies before it has been used
 */
export function* eachPiece(
  memory: DeviceMemory,
  address: number,
  length: number,
  use: (bytes: Uint8Array, at: number) => Kernel<void>,
): Kernel<void> {
  for (let at = 0; at < length; ) {
    const wanted = Math.min(PIECE, length - at);
    const bytes = yield* memory.read(address + at, wanted);
    if (bytes.length > 0) yield* use(bytes, at);
    at += bytes.length;
    if (bytes.length < wanted) throw new TranslationFault(address + at, false);
  }
}

export const overlap = (a: number, b: number, length: number): boolean => Math.abs(a - b) < length;
