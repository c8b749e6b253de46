import { PROT_READ } from '../../../src/abi/uapi/index.ts';
import type { Mapping } from '../../../src/doors/in-process/index.ts';
import { type BootedMachine, Errno } from '../../../src/index.ts';
import type { EpollEvent, Stat } from '../../../src/kernel/index.ts';
import { callOnFence } from './interpreter-fences.ts';
import { callOnPath } from './interpreter-paths.ts';

/** One script of a file: see interpreter.c for the language. */
export interface Script {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Splits a file of scripts. */
export function parseScripts(text: string): Script[] {
  return text
    .split(/^== /m)
    .slice(1)
    .map((part) => {
      const [name = '', ...lines] = part.trimEnd().split('\n');
      return { name, lines };
    });
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Runs one script through the in-process door of a freshly booted machine. */
class Interpreter {
  readonly #machine: BootedMachine;
  readonly #answers = new Map<number, number>();
  readonly #maps = new Map<number, Mapping>();
  readonly #areas = new Map<number, number>();

  constructor(machine: BootedMachine) {
    this.#machine = machine;
    // Programs start with three descriptors.
    machine.sys.dup(machine.sys.socketpair()[0]);
  }

  run(line: number, [call = '', ...words]: readonly string[]): string {
    const args = words.map((word) => this.#number(word));
    let result = -1;
    let shown = '';
    let code = '0';
    try {
      [result, shown] = this.#call(line, call, words, args);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      code = error.code;
    }
    this.#answers.set(line, result);
    return `${line} ${call} ${result} ${code}${code === '0' ? shown : ''}`;
  }

  #call(line: number, call: string, words: readonly string[], a: readonly number[]): [result: number, shown: string] {
    const { sys } = this.#machine;
    const [w0 = '', w1 = '', w2 = ''] = words;
    const [a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0] = a;
    const plain = (result: number): [number, string] => [result, ''];
    const data = (bytes: Uint8Array): [number, string] => [bytes.length, ` ${this.#show(bytes)}`];
    switch (call) {
      case 'open':
        return plain(sys.open(w0, a1, a2));
      case 'close':
        return plain(sys.close(a0));
      case 'dup':
        return plain(sys.dup(a0));
      case 'dup2':
        return plain(sys.dup2(a0, a1));
      case 'dup3':
        return plain(sys.dup3(a0, a1, a2));
      case 'fcntl':
        return plain(sys.fcntl(a0, a1, a2));
      case 'read':
        return data(sys.read(a0, a1));
      case 'pread':
        return data(sys.pread(a0, a1, a2));
      case 'write':
        return plain(sys.write(a0, this.#bytes(w1)));
      case 'pwrite':
        return plain(sys.pwrite(a0, this.#bytes(w1), a2));
      case 'lseek':
        return plain(sys.lseek(a0, a1, a2));
      case 'ioctl':
        return plain(sys.ioctl(a0, a1, a2));
      case 'mmap':
        this.#maps.set(line, sys.mmap(a0, { length: a1, prot: a2, flags: a3, offset: a4 }));
        return plain(0);
      case 'munmap':
        return plain(sys.munmap({ address: this.#map(w0) + a1, length: a2 }));
      case 'mprotect':
        return plain(sys.mprotect({ address: this.#map(w0) + a1, length: a2 }, a3));
      case 'peek':
        return this.#touching(() => ` ${this.#show(sys.peek(this.#map(w0) + a1, a2))}`);
      case 'poke':
        return this.#touching(() => {
          sys.poke(this.#map(w0) + a1, this.#bytes(w2));
          return '';
        });
      case 'poll':
        return this.#poll(a0, words.slice(1));
      case 'socketpair': {
        const [first, second] = sys.socketpair(a0);
        return [first, ` ${second}`];
      }
      case 'epoll_create':
        return plain(sys.epoll_create(a0));
      case 'epoll_create1':
        return plain(sys.epoll_create1(a0));
      case 'epoll_ctl':
        return plain(
          sys.epoll_ctl(a0, a1, a2, words.length > 3 ? { events: a3 >>> 0, data: BigInt.asUintN(64, BigInt(words[4] ?? 0)) } : undefined),
        );
      case 'epoll_wait':
        return formatEvents(sys.epoll_wait(a0, a1, a2), words[3] === 'sort');
      case 'fstat':
        return [0, formatStat(sys.fstat(a0))];
      case 'stat':
        return [0, formatStat(sys.stat(w0))];
      case 'ftruncate':
        return plain(sys.ftruncate(a0, a1));
      case 'fallocate':
        return plain(sys.fallocate(a0, a1, a2, a3));
      case 'fsync':
        return plain(sys.fsync(a0));
      case 'fchmod':
        return plain(sys.fchmod(a0, a1));
      case 'fchown':
        return plain(sys.fchown(a0, a1, a2));
      case 'nofile':
        return plain(sys.setFileLimit(a0));
      case 'area':
        this.#makeArea(a0, this.#bytes(w1), w2);
        return plain(0);
      case 'dump':
        return [0, ` ${this.#show(sys.peek((this.#areas.get(a0) ?? 0) + a1, a2))}`];
      case 'lstat':
        return [0, formatStat(sys.lstat(w0))];
      default:
        return this.#generic(line, call, words, a);
    }
  }

  /** Calls that every open file and every mapping answers. */
  #generic(line: number, call: string, words: readonly string[], a: readonly number[]): [result: number, shown: string] {
    const { sys } = this.#machine;
    const [w0 = '', w1 = '', w2 = '', , , w5 = ''] = words;
    const [a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, , a6 = 0] = a;
    const plain = (result: number): [number, string] => [result, ''];
    const text = (shown: string): [number, string] => [shown.length, ` ${shown.replaceAll('\n', '|').replaceAll('\t', ' ')}`];
    const vectors = { address: a1, count: a2 };
    const offset = a3 === -1 ? undefined : a3;
    const range = { address: this.#map(w0) + a1, length: a2 };
    switch (call) {
      case 'readv':
        return plain(sys.readv(a0, vectors));
      case 'writev':
        return plain(sys.writev(a0, vectors));
      case 'preadv2':
        return plain(sys.preadv2(a0, vectors, offset, a4));
      case 'pwritev2':
        return plain(sys.pwritev2(a0, vectors, offset, a4));
      case 'sendfile':
        return plain(sys.sendfile(a0, a1, a2));
      case 'splice':
        return plain(sys.splice(a0, a1, a2, a3));
      case 'copy_file_range':
        return plain(sys.copyFileRange(a0, a1, a2));
      case 'fadvise':
        return plain(sys.fadvise(a0, a1, a2, a3));
      case 'readahead':
        return plain(sys.readahead(a0));
      case 'sync_file_range':
        return plain(sys.syncFileRange(a0, a1, a2, a3));
      case 'syncfs':
        return plain(sys.syncfs(a0));
      case 'flock':
        return plain(sys.flock(a0, a1));
      case 'fstatfs': {
        const { type, bsize, namelen } = sys.fstatfs(a0);
        return [0, ` type=0x${type.toString(16)} bsize=${bsize} namelen=${namelen}`];
      }
      case 'fgetxattr': {
        const value = sys.fgetxattr(a0, w1);
        return [value.length, ` ${this.#show(value)}`];
      }
      case 'fsetxattr':
        return plain(sys.fsetxattr(a0, w1, this.#bytes(w2), a3));
      case 'fremovexattr':
        return plain(sys.fremovexattr(a0, w1));
      case 'fdlink':
        return text(sys.fdLink(a0));
      case 'fdinfo':
        return text(sys.fdinfo(a0).replace(/^(ino|mnt_id):.*\n/gm, ''));
      case 'reopen':
        return plain(sys.reopen(a0, a1));
      case 'msync':
        return plain(sys.msync(range, a3));
      case 'madvise':
        return plain(sys.madvise(range, a3));
      case 'mremap': {
        const address = sys.mremap(range, a3, a4, this.#map(w5) + a6);
        this.#maps.set(line, { address, length: a3, bytes: new Uint8Array(0) });
        return plain(0);
      }
      default:
        return this.#path(call, words, a);
    }
  }

  /** Calls on paths, and on buffers and fences. */
  #path(call: string, words: readonly string[], a: readonly number[]): [result: number, shown: string] {
    const { sys } = this.#machine;
    const answer = callOnPath(sys, call, words, a) ?? callOnFence(sys, call, a);
    if (answer === undefined) throw new Error(`unknown call ${call}`);
    return answer;
  }

  #touching(touch: () => string): [number, string] {
    try {
      return [0, touch()];
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return [11, ''];
    }
  }

  #poll(timeout: number, words: readonly string[]): [number, string] {
    const questions = words.map((word) => {
      const [fd = '', events = ''] = word.split(':');
      return { fd: this.#number(fd), events: this.#number(events) };
    });
    const revents = this.#machine.sys.poll(questions, timeout);
    return [revents.filter((bits) => bits !== 0).length, revents.map((bits) => ` 0x${bits.toString(16)}`).join('')];
  }

  #makeArea(n: number, content: Uint8Array, kind: string): void {
    const { sys } = this.#machine;
    const size = Math.ceil(content.length / 4096) * 4096;
    const memory = sys.allocate(size);
    const address = kind === 'edge' ? memory.address + size - content.length : memory.address;
    sys.poke(address, content);
    if (kind === 'ro') sys.mprotect(memory, PROT_READ);
    this.#areas.set(n, address);
  }

  #map(word: string): number {
    return this.#maps.get(Number(word))?.address ?? 0;
  }

  #number(word: string): number {
    if (word.startsWith('$')) return this.#answers.get(Number(word.slice(1))) ?? 0;
    if (word.startsWith('@')) return this.#areas.get(Number(word.slice(1))) ?? 0;
    if (word.startsWith('-')) return -Number(word.slice(1));
    // Paths and BYTES are no numbers.
    if (!/^(0x[0-9a-f]+|\d+)$/.test(word)) return 0;
    const value = /^0[0-7]+$/.test(word) ? Number.parseInt(word, 8) : Number(word);
    // 64 bits are signed here, as in the calls.
    return value >= 2 ** 63 ? Number(BigInt.asIntN(64, BigInt(word))) : value;
  }

  #bytes(word: string): Uint8Array {
    const out: number[] = [];
    const append = (value: number, count: number) => {
      for (let i = 0; i < count; i++) out.push(Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * i)) & 0xffn));
    };
    for (const [, kind, digits, text, pair] of word.matchAll(/([$@*])(\d+)|=([^.]*)|([0-9a-f]{2})|\./g)) {
      if (text !== undefined) out.push(...Buffer.from(text));
      else if (pair !== undefined) out.push(Number.parseInt(pair, 16));
      else if (kind === '$') append(this.#number(`$${digits}`), 4);
      else if (kind === '@') append(this.#number(`@${digits}`), 8);
      else if (kind === '*') out.push(...new Array(Number(digits)).fill(0));
    }
    return Uint8Array.from(out);
  }

  /** Bytes in hexadecimal; the eight of an area's address as that area. */
  #show(bytes: Uint8Array): string {
    if (bytes.length === 0) return '-';
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let out = '';
    for (let at = 0; at < bytes.length; ) {
      const value = bytes.length - at >= 8 ? view.getBigUint64(at, true) : 0n;
      const area = value === 0n ? undefined : [...this.#areas].find(([, address]) => BigInt(address) === value)?.[0];
      out += area === undefined ? hex(bytes.subarray(at, at + 1)) : `@${area}`;
      at += area === undefined ? 1 : 8;
    }
    return out;
  }
}

function formatEvents(events: EpollEvent[], sorted: boolean): [number, string] {
  if (sorted) events.sort((one, other) => (one.data < other.data ? -1 : Number(one.data > other.data)));
  return [events.length, events.map(({ events: bits, data }) => ` 0x${bits.toString(16)}:0x${data.toString(16)}`).join('')];
}

function formatStat(st: Stat): string {
  return ` mode=0${st.mode.toString(8)} nlink=${st.nlink} uid=${st.uid} gid=${st.gid} rdev=${st.rdev === 0 ? 0 : 1} size=${st.size} blksize=${st.blksize} blocks=${st.blocks}`;
}

/** Runs a script. @returns what interpreter.c prints for it, line by line */
export function runScript(script: Script, machine: BootedMachine): string[] {
  const interpreter = new Interpreter(machine);
  return [
    `== ${script.name}`,
    ...script.lines.map((line, index) =>
      interpreter.run(
        index + 1,
        line.split(' ').filter((word) => word !== ''),
      ),
    ),
  ];
}
