/** Random scripts over the calls that are served, for interpreter.c and its twin. */
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
  DMA_HEAP_IOCTL_ALLOC,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
} from '../../../src/abi/uapi/index.ts';
import { Random } from '../../../src/kernel/index.ts';

/** A number in the bytes of BYTES. */
export const hex = (value: number | bigint, size: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes.subarray(0, size).toString('hex');
};
/** How many bytes BYTES are. */
const sizeOf = (content: string) =>
  [...content.matchAll(/\*(\d+)|(@\d+)|[0-9a-f]{2}/g)].reduce(
    (sum, [, zeros, area]) => sum + (zeros !== undefined ? Number(zeros) : area !== undefined ? 8 : 1),
    0,
  );
const octal = (value: number) => (value === 0 ? '0' : `0${value.toString(8)}`);

/** Commands with the arguments that one tries; none depends on which processes there are. */
const FCNTLS = [
  '0 0',
  '0 5',
  '0 -1',
  '0 100',
  '1030 4',
  '1030 9',
  '1 0',
  '2 0',
  '2 1',
  '2 3',
  '3 0',
  '3 0',
  '4 0',
  '4 02000',
  '4 04000',
  '4 040000',
].concat(
  [
    '4 01000000',
    '4 07777777',
    '9 0',
    '10 0',
    '10 12',
    '10 99',
    '11 0',
    '1024 0',
    '1024 1',
    '1025 0',
    '1026 0',
    '1026 1',
    '1032 0',
    '1031 9',
  ],
  ['1033 2', '1034 0', '999 0', '-1 0'],
);

/** One script under construction. Descriptors 3 and up are what its calls made; nobody knows which of them are open. */
class Maker {
  readonly lines: string[] = [];
  readonly #random: Random;
  #areas = 0;
  readonly #maps: { readonly line: number; readonly length: number }[] = [];

  readonly #isGeneric: boolean;

  /** @param isGeneric whether calls that every file and mapping answers are among them */
  constructor(random: Random, isGeneric: boolean) {
    this.#random = random;
    this.#isGeneric = isGeneric;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T;
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #noise(size: number): string {
    return Array.from({ length: size }, () => hex(this.#random.below(256), 1)).join('');
  }

  make(): string[] {
    this.#say('open /dev/dma_heap/system 2');
    this.#allocate(3);
    if (this.#chance(50)) this.#export(4);
    for (let i = 4 + this.#random.below(20); i > 0; i--) this.#step();
    // Unmapping comes last: what the system maps later may land in the hole.
    for (const map of this.#maps) this.#unmap(map);
    return this.lines;
  }

  #say(line: string): number {
    return this.lines.push(line);
  }

  #fd(): string {
    return this.#chance(92) ? String(3 + this.#random.below(6)) : this.#pick(['-1', '99', '2147483647', '-2147483648']);
  }

  /** Memory for an argument, now and then a byte too short. @returns what to pass, and how many bytes there are to look at */
  #area(content: string): [pointer: string, size: number] {
    if (this.#areas >= 30) return [this.#pick(['0', '8']), 0];
    const kind = this.#chance(80) ? '' : this.#pick([' edge', ' ro']);
    const given = this.#chance(5) && /[0-9a-f]{4}$/.test(content) ? content.slice(0, -2) : content;
    this.#say(`area ${++this.#areas} ${given}${kind}`);
    return [`@${this.#areas}`, sizeOf(given)];
  }

  #ioctl(fd: string | number, request: number, content: string): void {
    let number = request;
    // Another number, type, size or direction now and then.
    if (this.#chance(10)) number = (number & ~(0xff << this.#pick([0, 8]))) | (this.#random.below(256) << this.#pick([0, 8]));
    if (this.#chance(10)) number = (number & ~0x3fff0000) | (this.#random.below(64) << 16);
    if (this.#chance(5)) number = (number & 0x3fffffff) | (this.#random.below(4) << 30);
    // Whatever reaches a heap as request 0 is an allocation, and a real kernel tries any length.
    const length = /^[0-9a-f.]*$/.test(content)
      ? Buffer.from(content.replaceAll('.', '').padEnd(16, '0').slice(0, 16), 'hex').readBigUInt64LE()
      : 2n ** 64n;
    if ((number & 0xff) === 0 && length > 2n ** 22n) number |= 1;
    const [argument, size] = this.#chance(95) ? this.#area(content) : [this.#pick(['0', '8', '-1', '4096']), 0];
    this.#say(`ioctl ${fd} 0x${(number >>> 0).toString(16)} ${argument}`);
    if (size > 0 && this.#chance(70)) this.#say(`dump ${argument.slice(1)} 0 ${size}`);
  }

  #allocate(fd: string | number): void {
    const length = this.#pick([0, 1, 4095, 4096, 4097, 8192, 12288, 65536, 70000]);
    const flags = this.#pick([2, 2, 2, 0, 1, 3, 0o2000002, 0o4002, this.#random.uint32()]);
    this.#ioctl(
      fd,
      DMA_HEAP_IOCTL_ALLOC.number,
      [hex(length, 8), hex(this.#chance(90) ? 0 : this.#random.below(9), 4), hex(flags, 4), hex(this.#chance(95) ? 0 : 1, 8)].join('.'),
    );
  }

  #export(fd: string | number): void {
    this.#ioctl(
      fd,
      DMA_BUF_IOCTL_EXPORT_SYNC_FILE.number,
      `${hex(this.#chance(80) ? 1 + this.#random.below(3) : this.#random.below(9), 4)}.${hex(-1, 4)}`,
    );
  }

  #merge(): void {
    const name = Buffer.from(this.#pick(['', 'a', 'both', 'x'.repeat(31), 'x'.repeat(40)]))
      .subarray(0, 32)
      .toString('hex')
      .padEnd(64, '0');
    const rest = this.#chance(90) ? [hex(0, 4), hex(0, 4)] : [hex(this.#random.below(2), 4), hex(this.#random.below(2), 4)];
    this.#ioctl(
      this.#fd(),
      SYNC_IOC_MERGE.number,
      [name, hex(this.#chance(95) ? 3 + this.#random.below(6) : -1, 4), hex(-1, 4), ...rest].join('.'),
    );
  }

  #info(): void {
    const room = this.#random.below(4);
    const [records, size] = this.#chance(90) ? this.#area(this.#noise(80 * Math.max(1, room))) : [hex(8, 8), 0];
    const name = this.#chance(50) ? '*32' : this.#noise(32);
    const flags = this.#chance(95) ? [0, room, 0] : [this.#random.below(2), room, this.#random.below(2)];
    const [flag, count, pad] = flags.map((value) => hex(value, 4)) as [string, string, string];
    this.#ioctl(
      this.#fd(),
      SYNC_IOC_FILE_INFO.number,
      [name, hex(0, 4), flag, count, pad, records.startsWith('@') ? records : hex(8, 8)].join('.'),
    );
    // The time of a fence is another one on each machine.
    if (size > 72) this.#say(`dump ${records.slice(1)} 0 72`);
  }

  #map(): void {
    const length = this.#pick([0, 1, 4096, 4096, 8192, 12288, 65536, 70000]);
    const offset = this.#pick([0, 0, 0, 4096, 8192, 1, -4096]);
    const line = this.#say(`mmap ${this.#fd()} ${length} ${this.#pick([1, 3, 3, 3, 2, 0, 5])} ${this.#pick([1, 1, 1, 2, 3, 0])} ${offset}`);
    this.#maps.push({ line, length });
  }

  /** A place inside a mapping, as `MAP OFFSET` and how much of it follows. */
  #place(map: { readonly line: number; readonly length: number }): [string, number] | undefined {
    // Short mappings have a whole page, but a page that may not be there is not touched.
    if (map.length < 64) return undefined;
    const offset = this.#random.below(map.length - 32);
    return [`${map.line} ${offset}`, Math.min(32, map.length - offset)];
  }

  #touch(): void {
    if (this.#maps.length === 0) return;
    const place = this.#place(this.#pick(this.#maps));
    if (place === undefined) return;
    if (this.#chance(50)) this.#say(`peek ${place[0]} ${1 + this.#random.below(place[1])}`);
    else this.#say(`poke ${place[0]} ${this.#noise(1 + this.#random.below(8))}`);
  }

  #unmap(map: { readonly line: number; readonly length: number }): void {
    const pages = Math.floor(map.length / 4096);
    if (pages === 0 || this.#chance(30)) return;
    const first = this.#random.below(pages);
    this.#say(`munmap ${map.line} ${first * 4096} ${4096 * (1 + this.#random.below(pages - first))}`);
  }

  /** An array of `struct iovec`, mostly one that can be used. @returns what to pass, and how many to say there are */
  #vectors(): string {
    if (this.#chance(10)) return this.#pick(['0 1', '8 1', '0 0', '8 1025', '0 -1']);
    const [room] = this.#area(this.#noise(16));
    const count = 1 + this.#random.below(3);
    const one = () => {
      const base = this.#chance(90) && room.startsWith('@') ? room : hex(this.#pick([0, 8, 2 ** 47]), 8);
      return `${base}.${hex(this.#chance(90) ? this.#pick([0, 1, 16]) : -1, 8)}`;
    };
    const [array] = this.#area(Array.from({ length: count }, one).join('.'));
    return `${array} ${array.startsWith('@') ? count : 1}`;
  }

  #lock(fd: string): void {
    const type = hex(this.#chance(90) ? this.#random.below(3) : 7, 2);
    const whence = hex(this.#chance(80) ? 0 : this.#random.below(5), 2);
    const place = () => hex(this.#pick([0, 0, 1, 10, 100, -1, 2 ** 62]), 8);
    const pid = hex(this.#chance(90) ? 0 : 1, 4);
    const [pointer, size] = this.#area([type, whence, '00000000', place(), place(), pid, '00000000'].join('.'));
    this.#say(`fcntl ${fd} ${this.#pick([5, 6, 6, 36, 37, 37])} ${pointer}`);
    if (size > 0 && this.#chance(60)) this.#say(`dump ${pointer.slice(1)} 0 24`);
  }

  #adviseMemory(): void {
    if (this.#maps.length === 0) return;
    const { line, length } = this.#pick(this.#maps);
    if (length === 0) return;
    const pages = Math.ceil(length / 4096);
    const first = this.#random.below(pages);
    const range = `${line} ${first * 4096 + (this.#chance(5) ? 1 : 0)} ${4096 * this.#random.below(pages - first + 1)}`;
    if (this.#chance(40)) this.#say(`msync ${range} ${this.#pick([0, 1, 2, 4, 6, 5, 8])}`);
    else this.#say(`madvise ${range} ${this.#pick([0, 1, 2, 3, 4, 8, 9, 11, 16, 17, 18, 20, 21, 22, 23, 24, 5, 99])}`);
  }

  #generic(fd: string): void {
    const to = this.#fd();
    const steps: readonly (() => void)[] = [
      () => this.#say(`readv ${fd} ${this.#vectors()}`),
      () => this.#say(`writev ${fd} ${this.#vectors()}`),
      () => this.#say(`preadv2 ${fd} ${this.#vectors()} ${this.#pick([0, -1, -2, 4096])} ${this.#pick([0, 0, 1, 8, 16, 64])}`),
      () => this.#say(`pwritev2 ${fd} ${this.#vectors()} ${this.#pick([0, -1, -2, 4096])} ${this.#pick([0, 0, 1, 8, 16, 64])}`),
      () => this.#say(`sendfile ${fd} ${to} ${this.#pick([0, 1, 4096])}`),
      () => this.#say(`splice ${fd} ${to} ${this.#pick([0, 1, 4096])} ${this.#pick([0, 2, 16])}`),
      () => this.#say(`copy_file_range ${fd} ${to} ${this.#pick([0, 1, 4096])}`),
      () => this.#say(`fadvise ${fd} ${this.#pick([0, -1])} ${this.#pick([0, 4096, -1])} ${this.#random.below(8)}`),
      () => this.#say(`readahead ${fd}`),
      () => this.#say(`sync_file_range ${fd} ${this.#pick([0, -1, 4096])} ${this.#pick([0, 4096, -1])} ${this.#pick([0, 2, 7, 8])}`),
      () => this.#say(`syncfs ${fd}`),
      () => this.#say(`flock ${fd} ${this.#pick([5, 6, 8, 12, 4, 0, 7, 32])}`),
      () => this.#say(`fstatfs ${fd}`),
      () => this.#say(`fgetxattr ${fd} ${this.#pick(['user.a', 'security.b', 'system.c', 'other'])}`),
      () => this.#say(`fsetxattr ${fd} ${this.#pick(['user.a', 'system.c', 'other'])} ${this.#noise(4)} ${this.#pick([0, 0, 1, 2])}`),
      () => this.#say(`fremovexattr ${fd} ${this.#pick(['user.a', 'system.c', 'other'])}`),
      () => this.#say(`fdlink ${fd}`),
      () => this.#say(`fdinfo ${fd}`),
      () =>
        this.#say(
          `reopen ${fd} ${octal(this.#pick([0, 1, 2, 3, 0o4002, 0o2000002, 0o200000, 0o400000, 0o100, 0o300, 0o1002, 0o10000000, 0o2000]))}`,
        ),
      () => this.#lock(fd),
      () => this.#lock(fd),
      () => this.#adviseMemory(),
      () => this.#adviseMemory(),
      () => this.#say(`fcntl ${fd} ${this.#pick(['1024 2', '1035 8', '1036 0', '1036 8'])}`),
    ];
    this.#pick(steps)();
  }

  #step(): void {
    const fd = this.#fd();
    if (this.#isGeneric && this.#chance(60)) {
      this.#generic(fd);
      return;
    }
    const steps: readonly (() => void)[] = [
      () => this.#allocate(fd),
      () => this.#allocate(3),
      () => this.#export(fd),
      () => this.#export(fd),
      () => this.#merge(),
      () => this.#info(),
      () => this.#map(),
      () => this.#map(),
      () => this.#touch(),
      () => this.#touch(),
      () => this.#ioctl(fd, DMA_BUF_IOCTL_SYNC.number, hex(this.#chance(80) ? this.#random.below(8) : this.#random.below(2 ** 22), 8)),
      () => this.#ioctl(fd, this.#pick([DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B]).number, `${this.#noise(this.#random.below(40))}00`),
      () =>
        this.#ioctl(
          fd,
          DMA_BUF_IOCTL_IMPORT_SYNC_FILE.number,
          `${hex(this.#random.below(5), 4)}.${hex(this.#chance(90) ? 3 + this.#random.below(6) : -1, 4)}`,
        ),
      () => this.#ioctl(fd, SYNC_IOC_SET_DEADLINE.number, `${hex(this.#random.uint32(), 8)}.${hex(this.#chance(80) ? 0 : 1, 8)}`),
      () =>
        this.#ioctl(
          fd,
          this.#pick([0, 1, 2, 0x5421, 0x5450, 0x5451, 0x5452, 0x5460, 0x541b, 0xc020660b, 0xc0045877, this.#random.uint32()]),
          this.#noise(8),
        ),
      () => this.#say(`open /dev/dma_heap/system ${octal(this.#pick([0, 1, 2, 3, 0o4002, 0o2000002, 0o40002, 0o200000, 0o10000000]))}`),
      () => this.#say(`close ${fd}`),
      () => this.#say(`dup ${fd}`),
      () => this.#say(`dup2 ${fd} ${3 + this.#random.below(9)}`),
      () => this.#say(`dup3 ${fd} ${3 + this.#random.below(9)} ${octal(this.#pick([0, 0o2000000, 0o4000]))}`),
      () => this.#say(`fcntl ${fd} ${this.#pick(FCNTLS)}`),
      () => this.#say(`read ${fd} ${this.#pick([0, 1, 16, 4096])}`),
      () => this.#say(`write ${fd} ${this.#noise(1 + this.#random.below(4))}`),
      () => this.#say(`pread ${fd} 16 ${this.#pick([0, 1, -1, 4096])}`),
      () => this.#say(`pwrite ${fd} 00 ${this.#pick([0, 1, -1])}`),
      () => this.#say(`lseek ${fd} ${this.#pick([0, 0, 1, -1, 4096])} ${this.#pick([0, 1, 2, 3, 4, 5, -1])}`),
      () => this.#say(`poll 0 ${fd}:${this.#pick(['0x1', '0x4', '0x5', '0x2fff', '0'])}${this.#chance(30) ? ` ${this.#fd()}:0x5` : ''}`),
      () => this.#say(`fstat ${fd}`),
      () => this.#say(`ftruncate ${fd} ${this.#pick([0, 4096, -1])}`),
      () => this.#say(`fallocate ${fd} ${this.#pick([0, 1, 3])} ${this.#pick([0, -1])} ${this.#pick([0, 4096])}`),
      () => this.#say(`fsync ${fd}`),
      () => this.#chance(10) && this.#say(`nofile ${4 + this.#random.below(10)}`),
    ];
    this.#pick(steps)();
  }
}

/** A file of scripts, the same for the same seed. */
export function generateScripts(seed: number, count: number, isGeneric = false): string {
  const random = new Random(seed);
  return Array.from(
    { length: count },
    (_, index) => `== random ${seed}.${index}\n${new Maker(random, isGeneric).make().join('\n')}\n`,
  ).join('');
}
