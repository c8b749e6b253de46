/** net/core/filter.c: classic BPF programs, by which a socket chooses its messages. */
import { type Decoded, Errno } from '../abi/index.ts';
import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MAXINSNS,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MOD,
  BPF_MSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
  type sock_filter,
} from '../abi/uapi/index.ts';

type Instruction = Decoded<typeof sock_filter>;

/** SKF_LL_OFF and beyond: what stands around a message, not in it. Messages between programs and this kernel have nothing there. */
const AROUND = 0xffe00000;

const CLASS = 0x07;
const OPERATION = 0xf0;
const SIZES = [BPF_W, BPF_H, BPF_B];

/** Where a value comes from: the constant or the register X. */
const SOURCES = [BPF_K, BPF_X];
const ARITHMETIC: Readonly<Record<number, (a: number, b: number) => number>> = {
  [BPF_ADD]: (a, b) => a + b,
  [BPF_SUB]: (a, b) => a - b,
  [BPF_MUL]: Math.imul,
  [BPF_DIV]: (a, b) => Math.floor(a / b),
  [BPF_MOD]: (a, b) => a % b,
  [BPF_AND]: (a, b) => a & b,
  [BPF_OR]: (a, b) => a | b,
  [BPF_XOR]: (a, b) => a ^ b,
  [BPF_LSH]: (a, b) => a << b,
  [BPF_RSH]: (a, b) => a >>> b,
};
const COMPARISONS: Readonly<Record<number, (a: number, b: number) => boolean>> = {
  [BPF_JEQ]: (a, b) => a === b,
  [BPF_JGT]: (a, b) => a > b,
  [BPF_JGE]: (a, b) => a >= b,
  [BPF_JSET]: (a, b) => (a & b) !== 0,
};

const combined = (first: number, operations: readonly number[], last: readonly number[]) =>
  operations.flatMap((operation) => last.map((bits) => first | operation | bits));

/** chk_code_allowed. */
const KNOWN = new Set([
  ...combined(BPF_ALU, Object.keys(ARITHMETIC).map(Number), SOURCES),
  ...combined(BPF_JMP, Object.keys(COMPARISONS).map(Number), SOURCES),
  ...combined(BPF_LD, SIZES, [BPF_ABS, BPF_IND]),
  ...combined(BPF_LD, [BPF_IMM, BPF_MEM, BPF_LEN], [0]),
  ...combined(BPF_LDX, [BPF_IMM, BPF_MEM, BPF_LEN, BPF_B | BPF_MSH], [0]),
  ...[BPF_ALU | BPF_NEG, BPF_ST, BPF_STX, BPF_JMP | BPF_JA],
  ...[BPF_RET | BPF_K, BPF_RET | BPF_A, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA],
]);

const usesCell = (code: number) => [BPF_ST, BPF_STX, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM].includes(code);
const stores = (code: number) => code === BPF_ST || code === BPF_STX;
const jumps = (code: number) => (code & CLASS) === BPF_JMP;

/** How far the two ways out of a jump go. */
const targetsOf = ({ code, jt, jf, k }: Instruction) => (code === (BPF_JMP | BPF_JA) ? [k, k] : [jt, jf]);

function isSound(instruction: Instruction, left: number): boolean {
  const { code, k } = instruction;
  if (!KNOWN.has(code)) return false;
  if (code === (BPF_ALU | BPF_DIV) || code === (BPF_ALU | BPF_MOD)) return k !== 0;
  if (code === (BPF_ALU | BPF_LSH) || code === (BPF_ALU | BPF_RSH)) return k < 32;
  if (usesCell(code)) return k < BPF_MEMWORDS;
  if (jumps(code)) return targetsOf(instruction).every((distance) => distance < left);
  return true;
}

/** check_load_and_stores: no way leads to a cell that nothing has been put into. */
function readsOnlyWhatIsStored(program: readonly Instruction[]): boolean {
  const all = 2 ** BPF_MEMWORDS - 1;
  const masks = program.map(() => all);
  let valid = 0;
  for (const [at, instruction] of program.entries()) {
    const { code, k } = instruction;
    valid &= masks[at] as number;
    if (stores(code)) valid |= 1 << k;
    else if (usesCell(code) && (valid & (1 << k)) === 0) return false;
    if (!jumps(code)) continue;
    for (const distance of targetsOf(instruction)) masks[at + 1 + distance] = (masks[at + 1 + distance] as number) & valid;
    valid = all;
  }
  return true;
}

/** A program that has been checked. */
export class SocketFilter {
  readonly program: readonly Instruction[];

  /**
   * bpf_check_classic.
   *
   * @throws Errno EINVAL for a program that is empty, too long, can leave its end or reads what is not there; also for one that looks at
   *   what lies around a message (SKF_AD_OFF), some of which Linux knows
   */
  constructor(program: readonly Instruction[]) {
    const last = program.at(-1)?.code;
    const isWhole =
      program.length <= BPF_MAXINSNS &&
      (last === (BPF_RET | BPF_K) || last === (BPF_RET | BPF_A)) &&
      program.every((instruction, at) => isSound(instruction, program.length - at - 1));
    if (!isWhole || !readsOnlyWhatIsStored(program)) throw new Errno('EINVAL', 'the filter is no sound program');
    const looksAround = ({ code, k }: Instruction) => (code & 0xe7) === (BPF_LD | BPF_ABS) && k >= AROUND;
    if (program.some(looksAround)) throw new Errno('EINVAL', 'the filter looks at what lies around a message');
    this.program = program;
  }

  /** @returns how many bytes of the message are let through; 0 refuses it */
  run(message: Uint8Array): number {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const cells = new Uint32Array(BPF_MEMWORDS);
    let a = 0;
    let x = 0;
    for (let at = 0; ; at++) {
      const instruction = this.program[at] as Instruction;
      const { code, k } = instruction;
      const operand = (code & BPF_X) !== 0 ? x : k;
      switch (code & CLASS) {
        case BPF_LD: {
          const value = load(code, k, x, view, cells);
          if (value === undefined) return 0;
          a = value;
          break;
        }
        case BPF_LDX: {
          const value = load(code, k, 0, view, cells);
          if (value === undefined) return 0;
          x = value;
          break;
        }
        case BPF_ST:
          cells[k] = a;
          break;
        case BPF_STX:
          cells[k] = x;
          break;
        case BPF_ALU: {
          const operation = code & OPERATION;
          if ((operation === BPF_DIV || operation === BPF_MOD) && operand === 0) return 0;
          a = (operation === BPF_NEG ? -a : (ARITHMETIC[operation]?.(a, operand) as number)) >>> 0;
          break;
        }
        case BPF_JMP: {
          const [yes, no] = targetsOf(instruction) as [number, number];
          at += COMPARISONS[code & OPERATION]?.(a, operand) === false ? no : yes;
          break;
        }
        case BPF_RET:
          return code === (BPF_RET | BPF_A) ? a : k;
        default:
          if (code === (BPF_MISC | BPF_TAX)) x = a;
          else a = x;
      }
    }
  }
}

/** What a load gives; undefined behind the end of the message. */
function load(code: number, k: number, x: number, message: DataView, cells: Uint32Array): number | undefined {
  switch (code & 0xe0) {
    case BPF_IMM:
      return k;
    case BPF_MEM:
      return cells[k];
    case BPF_LEN:
      return message.byteLength;
    case BPF_MSH:
      return k < message.byteLength ? 4 * (message.getUint8(k) & 0xf) : undefined;
    default: {
      const at = (code & 0xe0) === BPF_IND ? (x + k) % 2 ** 32 : k;
      const size = code & 0x18;
      if (size === BPF_W) return at + 4 <= message.byteLength ? message.getUint32(at) : undefined;
      if (size === BPF_H) return at + 2 <= message.byteLength ? message.getUint16(at) : undefined;
      return at < message.byteLength ? message.getUint8(at) : undefined;
    }
  }
}
