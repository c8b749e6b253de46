/** Random scripts that make, link, list and remove items of configfs, and use their values while they come and go. */
import { Random } from '../../../src/kernel/index.ts';

const TOP = '/sys/kernel/config/usb_gadget';
const GADGETS = ['g', 'h'];
const FUNCTIONS = ['ffs.a', 'ffs.b'];
const CONFIGS = ['c.1', 'c.2'];
const LINKS = ['f', 'k'];
const VALUES = ['idVendor', 'bDeviceClass'];

class Maker {
  readonly #random: Random;
  readonly #lines: string[] = [];
  /** Lines that opened a value. */
  readonly #opened: number[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  make(): readonly string[] {
    for (const gadget of GADGETS) this.#say(`mkdir ${TOP}/${gadget} 0777`);
    for (let step = 0; step < 28; step++) this.#step();
    for (const gadget of GADGETS) this.#empty(`${TOP}/${gadget}`);
    return this.#lines;
  }

  #step(): void {
    const path = this.#path();
    const steps: readonly (() => void)[] = [
      () => this.#say(`mkdir ${path} 0755`),
      () => this.#say(`mkdir ${this.#place(FUNCTIONS, 'functions')} 0755`),
      () => this.#say(`mkdir ${this.#place(CONFIGS, 'configs')} 0755`),
      () => this.#say(`rmdir ${path}`),
      () => this.#say(`symlink ${this.#place(FUNCTIONS, 'functions')} ${this.#place(CONFIGS, 'configs')}/${this.#pick(LINKS)}`),
      () => this.#say(`unlink ${this.#place(CONFIGS, 'configs')}/${this.#pick(LINKS)}`),
      () => this.#say(`unlink ${path}`),
      () => this.#say(`list ${path}`),
      () => this.#say(`stat ${path}`),
      () => this.#say(`readlink ${path}`),
      () => this.#say(`rename ${path} ${this.#path()}`),
      () => this.#open(),
      () => this.#use(),
      () => this.#use(),
    ];
    this.#pick(steps)();
  }

  #open(): void {
    this.#say(`open ${TOP}/${this.#pick(GADGETS)}/${this.#pick(VALUES)} ${this.#pick([0, 1, 2])}`);
    this.#opened.push(this.#lines.length);
  }

  #use(): void {
    if (this.#opened.length === 0) {
      this.#open();
      return;
    }
    const fd = `$${this.#pick(this.#opened)}`;
    this.#say(
      this.#pick([
        `read ${fd} ${this.#pick([1, 3, 100])}`,
        `pread ${fd} 10 ${this.#random.below(9)}`,
        `write ${fd} =${this.#pick(['1', '0x12', '300', 'zz', '70000'])}`,
        `pwrite ${fd} =5 3`,
        `lseek ${fd} ${this.#random.below(9)} 0`,
      ]),
    );
  }

  /** Takes everything away, so that the next script finds nothing. */
  #empty(gadget: string): void {
    for (const config of CONFIGS) {
      for (const link of LINKS) this.#say(`unlink ${gadget}/configs/${config}/${link}`);
      this.#say(`rmdir ${gadget}/configs/${config}/strings/0x409`);
      this.#say(`rmdir ${gadget}/configs/${config}`);
    }
    for (const name of FUNCTIONS) this.#say(`rmdir ${gadget}/functions/${name}`);
    this.#say(`rmdir ${gadget}/strings/0x409`);
    this.#say(`rmdir ${gadget}`);
  }

  #place(names: readonly string[], folder: string): string {
    return `${TOP}/${this.#pick(GADGETS)}/${folder}/${this.#pick(names)}`;
  }

  #path(): string {
    const gadget = `${TOP}/${this.#pick(GADGETS)}`;
    const config = `${gadget}/configs/${this.#pick(CONFIGS)}`;
    return this.#pick([
      gadget,
      config,
      `${config}/${this.#pick(LINKS)}`,
      `${config}/${this.#pick(['MaxPower', 'strings', 'strings/0x409'])}`,
      `${gadget}/functions/${this.#pick(FUNCTIONS)}`,
      `${gadget}/strings/0x409`,
      `${gadget}/${this.#pick(['functions', 'configs', 'os_desc'])}`,
      `${gadget}/${this.#pick(VALUES)}`,
    ]);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T;
  }

  #say(line: string): void {
    this.#lines.push(line);
  }
}

/** A file of scripts, the same for the same seed. */
export function generateConfigfsScripts(seed: number, count: number): string {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => `== random ${seed}.${index}\n${new Maker(random).make().join('\n')}\n`).join('');
}
