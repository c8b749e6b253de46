import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../../../abi/uapi/index.ts';
import { calls } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { AioSys } from './aio.ts';
import { type Mapping, same, utf8 } from './base.ts';

export interface MapOptions {
  readonly length: number;
  /** PROT_READ | PROT_WRITE when left out. */
  readonly prot?: number;
  /** MAP_SHARED when left out. */
  readonly flags?: number;
  readonly offset?: number;
  /** With MAP_FIXED and its like. */
  readonly address?: number;
}

/** Memory files and mappings. */
export abstract class MemorySys<M extends Mode> extends AioSys<M> {
  /** memfd_create(2). @param flags MFD_ bits @returns the descriptor */
  memfdCreate(name: string, flags = 0): Result<M, number> {
    const text = this.filled(utf8.encode(`${name}\0`));
    return this.caller.call('memfd_create', [name, flags], () => calls.memfdCreate(this.task, text.address, flags), same, text.free);
  }

  /** mmap(2) of a file. */
  mmap(fd: number, options: MapOptions): Result<M, Mapping> {
    const { length, prot: protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED, offset = 0, address = 0 } = options;
    return this.caller.call(
      'mmap',
      [address, length, protection, flags, fd, offset],
      () => calls.mmap(this.task, fd, { address, length, protection, flags, offset }),
      (vma) => this.mapping(vma, length),
    );
  }

  munmap(mapping: Pick<Mapping, 'address' | 'length'>): Result<M, number> {
    const { address, length } = mapping;
    return this.invoke('munmap', [address, length], () => calls.munmap(this.task, address, length));
  }

  mprotect(mapping: Pick<Mapping, 'address' | 'length'>, prot: number): Result<M, number> {
    const { address, length } = mapping;
    return this.invoke('mprotect', [address, length, prot], () => calls.mprotect(this.task, address, length, prot));
  }

  /** mremap(2). @param to where, with MREMAP_FIXED @returns the address that it has then */
  mremap(mapping: Pick<Mapping, 'address' | 'length'>, length: number, flags = 0, to = 0): Result<M, number> {
    const { address } = mapping;
    const begin = () => calls.mremap(this.task, address, mapping.length, length, flags, to);
    return this.invoke('mremap', [address, mapping.length, length, flags], begin);
  }

  /** msync(2). @param flags MS_SYNC or MS_ASYNC, MS_INVALIDATE */
  msync(mapping: Pick<Mapping, 'address' | 'length'>, flags: number): Result<M, number> {
    const { address, length } = mapping;
    return this.invoke('msync', [address, length, flags], () => calls.msync(this.task, address, length, flags));
  }

  /** The instruction MOVDIR64B: 64 bytes at once to a page of a device. */
  movdir64b(address: number, bytes: Uint8Array): Result<M, void> {
    const store = () => calls.storeAt(this.task, address, 'movdir64b', bytes);
    return this.caller.call('movdir64b', [address], store, () => {});
  }

  /** The instruction ENQCMD. @returns whether the device took them; false is to be tried again */
  enqcmd(address: number, bytes: Uint8Array): Result<M, boolean> {
    const store = () => calls.storeAt(this.task, address, 'enqcmd', bytes);
    return this.caller.call('enqcmd', [address], store, same);
  }

  madvise(mapping: Pick<Mapping, 'address' | 'length'>, advice: number): Result<M, number> {
    const { address, length } = mapping;
    return this.invoke('madvise', [address, length, advice], () => calls.madvise(this.task, address, length, advice));
  }
}
