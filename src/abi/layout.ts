/**
 * C types as values: sizes, offsets, a decoder and an encoder over a DataView, and the TypeScript type, all from one
 * description. Natural alignment as the x86-64 and arm64 ABIs have it (or packed), little-endian.
 *
 * Decoders and encoders are generated as straight-line code when first used: one call reads each field exactly once, which
 * matters for memory that another process can change meanwhile.
 */

/** How a value of a C type is read, written and shown. `T` is what decoding gives, `I` what encoding accepts. */
export interface Layout<T, I = T> {
  /** The C spelling (`u32`, `struct dma_buf_sync`), or undefined for an unnamed aggregate. */
  readonly cName: string | undefined;
  /** sizeof, in bytes; a flexible tail counts 0. */
  readonly size: number;
  /** Alignment in bytes. */
  readonly align: number;
  decode(view: DataView, at: number): T;
  /** Writes all `size` bytes; what the value leaves out becomes zero, as in a C initialiser. */
  encode(view: DataView, at: number, value: I): void;
  /** The value for people, as strace shows it. */
  format(value: T): string;
  /** Code for {@link decode} at `at + offset`: an expression. For layouts that contain this one. */
  emitDecode(code: Code, offset: number): string;
  /** Code for {@link encode} of the expression `value`, which may be undefined: statements. */
  emitEncode(code: Code, offset: number, value: string): string;
  /** Phantom: what encode accepts. */
  readonly input?: I;
}

/** What a layout decodes to. */
export type Decoded<L> = L extends Layout<infer T, infer _I> ? T : never;
/** What a layout encodes from. */
export type Encodable<L> = L extends Layout<infer _T, infer I> ? I : never;

/** A function body under construction: generated text refers to values by the names that {@link Code.constant} gives them. */
export class Code {
  readonly #values: unknown[] = [];

  constant(value: unknown): string {
    const known = this.#values.indexOf(value);
    return `c${known >= 0 ? known : this.#values.push(value) - 1}`;
  }

  compile(parameters: string, body: string): (...args: never[]) => unknown {
    const names = this.#values.map((_, index) => `c${index}`);
    // Generated from layouts only, never from input.
    return new Function(...names, `'use strict'; return (${parameters}) => { ${body} };`)(...this.#values);
  }
}

export abstract class Base<T, I> implements Layout<T, I> {
  abstract readonly cName: string | undefined;
  abstract readonly size: number;
  abstract readonly align: number;
  abstract emitDecode(code: Code, offset: number): string;
  abstract emitEncode(code: Code, offset: number, value: string): string;
  abstract format(value: T): string;

  decode(view: DataView, at: number): T {
    const code = new Code();
    const compiled = code.compile('v, at', `return ${this.emitDecode(code, 0)};`) as Layout<T, I>['decode'];
    Object.defineProperty(this, 'decode', { value: compiled });
    return compiled(view, at);
  }

  encode(view: DataView, at: number, value: I): void {
    const code = new Code();
    const compiled = code.compile('v, at, x', this.emitEncode(code, 0, 'x')) as Layout<T, I>['encode'];
    Object.defineProperty(this, 'encode', { value: compiled });
    compiled(view, at, value);
  }
}

// ---- scalars ----------------------------------------------------------------

const TWO32 = 4294967296;

function writeU64(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    view.setBigUint64(at, BigInt.asUintN(64, value), true);
  } else {
    view.setUint32(at, value, true);
    view.setUint32(at + 4, Math.floor(value / TWO32), true);
  }
}

export class Scalar<T, I> extends Base<T, I> {
  readonly cName: string;
  readonly size: number;
  readonly align: number;
  readonly #decode: (at: string) => string;
  readonly #encode: (at: string, value: string, code: Code) => string;
  readonly #format: (value: T) => string;

  constructor(
    cName: string,
    size: number,
    decode: (at: string) => string,
    encode: (at: string, value: string, code: Code) => string,
    format: (value: T) => string = String,
  ) {
    super();
    this.cName = cName;
    this.size = size;
    this.align = size;
    this.#decode = decode;
    this.#encode = encode;
    this.#format = format;
  }

  override emitDecode(_code: Code, offset: number): string {
    return this.#decode(`at + ${offset}`);
  }

  override emitEncode(code: Code, offset: number, value: string): string {
    return `${this.#encode(`at + ${offset}`, value, code)};`;
  }

  override format(value: T): string {
    return this.#format(value);
  }

  /** The same type in C, shown in another way. */
  shownAs(format: (value: T) => string): Scalar<T, I> {
    return new Scalar(this.cName, this.size, this.#decode, this.#encode, format);
  }
}

function small(cName: string, size: number, accessor: string): Scalar<number, number> {
  return new Scalar(
    cName,
    size,
    (at) => `v.get${accessor}(${at}, true)`,
    (at, value) => `v.set${accessor}(${at}, ${value} ?? 0, true)`,
  );
}

export const u8 = small('__u8', 1, 'Uint8');
export const i8 = small('__s8', 1, 'Int8');
export const u16 = small('__u16', 2, 'Uint16');
export const i16 = small('__s16', 2, 'Int16');
export const u32 = small('__u32', 4, 'Uint32');
export const i32 = small('__s32', 4, 'Int32');

const encode64 = (at: string, value: string, code: Code) => `${code.constant(writeU64)}(v, ${at}, ${value} ?? 0)`;

/**
 * 64 bits as a number: sizes, offsets, flags, addresses, times. Exact up to 2^53; larger values decode to the nearest number
 * that can be represented, which is still larger than every valid one. For 64 bits whose every bit matters: {@link bigu64}.
 */
export const u64 = new Scalar<number, number | bigint>(
  '__u64',
  8,
  (at) => `v.getUint32(${at}, true) + v.getUint32(${at} + 4, true) * ${TWO32}`,
  encode64,
);
export const i64 = new Scalar<number, number | bigint>(
  '__s64',
  8,
  (at) => `v.getUint32(${at}, true) + v.getInt32(${at} + 4, true) * ${TWO32}`,
  encode64,
);
export const bigu64 = new Scalar<bigint, number | bigint>('__u64', 8, (at) => `v.getBigUint64(${at}, true)`, encode64);

export const bigi64 = new Scalar<bigint, number | bigint>('__s64', 8, (at) => `v.getBigInt64(${at}, true)`, encode64);

const hexadecimal = (value: number) => `0x${value.toString(16)}`;
/** A user address. */
export const pointer = u64.shownAs((address) => (address === 0 ? 'NULL' : hexadecimal(address)));

/** `flags(u32, formatFlags({...}))`: a scalar shown by its flag names. */
export function flags<T, I>(layout: Scalar<T, I>, format: (value: T) => string): Scalar<T, I> {
  return layout.shownAs(format);
}

// ---- aggregates -------------------------------------------------------------

const ESCAPES: Record<string, string> = { '\n': '\\n', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** A string as C source has it, for traces. */
export function quote(text: string): string {
  let out = '';
  for (const c of text) {
    const number = c.codePointAt(0) as number;
    out += ESCAPES[c] ?? (number < 32 || number === 127 ? `\\x${number.toString(16).padStart(2, '0')}` : c);
  }
  return `"${out}"`;
}

function decodeChars(view: DataView, at: number, size: number): string {
  let text = '';
  for (let i = 0; i < size; i++) {
    const byte = view.getUint8(at + i);
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

function encodeChars(view: DataView, at: number, size: number, text = ''): void {
  for (let i = 0; i < size; i++) view.setUint8(at + i, i < text.length ? text.charCodeAt(i) : 0);
}

class Chars extends Base<string, string> {
  readonly cName = 'char';
  readonly size: number;
  readonly align = 1;

  constructor(size: number) {
    super();
    this.size = size;
  }

  override emitDecode(code: Code, offset: number): string {
    return `${code.constant(decodeChars)}(v, at + ${offset}, ${this.size})`;
  }

  override emitEncode(code: Code, offset: number, value: string): string {
    return `${code.constant(encodeChars)}(v, at + ${offset}, ${this.size}, ${value});`;
  }

  override format(value: string): string {
    return quote(value);
  }
}

/** `char name[size]`, up to the first NUL. One character of the string is one byte (Latin-1), so that no byte is lost. */
export function chars(size: number): Layout<string> {
  return new Chars(size);
}

function decodeElements<T>(view: DataView, at: number, count: number, element: Layout<T, unknown>): T[] {
  const out: T[] = [];
  for (let i = 0; i < count; i++) out.push(element.decode(view, at + i * element.size));
  return out;
}

function encodeElements<I>(view: DataView, at: number, count: number, element: Layout<unknown, I>, values: readonly I[] = []): void {
  for (let i = 0; i < count; i++) element.encode(view, at + i * element.size, values[i] as I);
}

class ArrayOf<T, I> extends Base<T[], readonly I[]> {
  readonly cName: string | undefined;
  readonly size: number;
  readonly align: number;
  readonly element: Layout<T, I>;
  readonly count: number;
  readonly #format: ((values: T[]) => string) | undefined;

  constructor(element: Layout<T, I>, count: number, format: ((values: T[]) => string) | undefined) {
    super();
    this.cName = element.cName;
    this.size = element.size * count;
    this.align = element.align;
    this.element = element;
    this.count = count;
    this.#format = format;
  }

  override emitDecode(code: Code, offset: number): string {
    return `${code.constant(decodeElements)}(v, at + ${offset}, ${this.count}, ${code.constant(this.element)})`;
  }

  override emitEncode(code: Code, offset: number, value: string): string {
    return `${code.constant(encodeElements)}(v, at + ${offset}, ${this.count}, ${code.constant(this.element)}, ${value});`;
  }

  override format(value: T[]): string {
    return this.#format?.(value) ?? `[${value.map((element) => this.element.format(element)).join(', ')}]`;
  }
}

/** `element name[count]`. @param format shows the elements; one by one when left out */
export function array<T, I>(element: Layout<T, I>, count: number, format?: (values: T[]) => string): Layout<T[], readonly I[]> {
  return new ArrayOf(element, count, format);
}

/** Bytes that hold a name: shown up to the first NUL. */
export function quoteBytes(bytes: readonly number[]): string {
  const end = bytes.indexOf(0);
  return quote(String.fromCharCode(...bytes.slice(0, end < 0 ? bytes.length : end)));
}

/** A flexible array member: last in its struct, not counted in its size. */
export class Tail<T, I> {
  readonly element: Layout<T, I>;

  constructor(element: Layout<T, I>) {
    this.element = element;
  }
}

export function tail<T, I>(element: Layout<T, I>): Tail<T, I> {
  return new Tail(element);
}

type Member = Layout<any, any> | Tail<any, any>;
/** The members of a struct by name, in order. */
export type Members = Readonly<Record<string, Member>>;

type DecodedMember<M> = M extends Tail<infer T, infer _I> ? T[] : Decoded<M>;
type EncodableMember<M> = M extends Tail<infer _T, infer I> ? readonly I[] : Encodable<M>;

/** The object of a struct: a decoded tail is empty until it is read by {@link Struct.decodeTail}. */
export type DecodedStruct<M extends Members> = { -readonly [K in keyof M]: DecodedMember<M[K]> };
/** The same for encoding: everything may be left out and is zero then. */
export type EncodableStruct<M extends Members> = { readonly [K in keyof M]?: EncodableMember<M[K]> };

export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly layout: Layout<any, any>;
}

export interface AggregateOptions {
  /** `__attribute__((packed))`. */
  readonly packed?: boolean;
}

const roundUp = (value: number, to: number) => Math.ceil(value / to) * to;

/** A struct. The fields stand at the offsets the C compiler gives them. */
export class Struct<M extends Members> extends Base<DecodedStruct<M>, EncodableStruct<M>> {
  readonly cName: string | undefined;
  readonly size: number;
  readonly align: number;
  readonly fields: readonly Field[];
  /** The flexible array member, with the offset where its elements begin. */
  readonly tail: Field | undefined;

  constructor(cName: string | undefined, members: M, options: AggregateOptions = {}) {
    super();
    let at = 0;
    let align = 1;
    const fields: Field[] = [];
    for (const [name, member] of Object.entries(members)) {
      if (this.tail !== undefined) throw new TypeError(`${cName ?? 'struct'}: ${this.tail.name} must be the last member`);
      const layout = member instanceof Tail ? member.element : member;
      const fieldAlign = options.packed ? 1 : layout.align;
      at = roundUp(at, fieldAlign);
      align = Math.max(align, fieldAlign);
      const field = { name, offset: at, layout };
      if (member instanceof Tail) {
        this.tail = field;
      } else {
        fields.push(field);
        at += layout.size;
      }
    }
    this.cName = cName;
    this.size = roundUp(at, align);
    this.align = align;
    this.fields = fields;
  }

  override emitDecode(code: Code, offset: number): string {
    const parts = this.fields.map((field) => `${JSON.stringify(field.name)}: ${field.layout.emitDecode(code, offset + field.offset)}`);
    if (this.tail !== undefined) parts.push(`${JSON.stringify(this.tail.name)}: []`);
    return `({ ${parts.join(', ')} })`;
  }

  override emitEncode(code: Code, offset: number, value: string): string {
    let out = '';
    let covered = 0;
    const zeroTo = (end: number) => {
      for (; covered < end; covered++) out += `v.setUint8(at + ${offset + covered}, 0); `;
    };
    for (const field of this.fields) {
      zeroTo(field.offset);
      out += field.layout.emitEncode(code, offset + field.offset, `${value}?.[${JSON.stringify(field.name)}]`);
      covered = field.offset + field.layout.size;
    }
    zeroTo(this.size);
    return out;
  }

  /** Bytes that a value takes, its tail included. */
  sizeOf(value: EncodableStruct<M>): number {
    if (this.tail === undefined) return this.size;
    const elements = value[this.tail.name] as readonly unknown[] | undefined;
    return Math.max(this.size, this.tail.offset + (elements?.length ?? 0) * this.tail.layout.size);
  }

  /** Writes the elements of the tail, which {@link encode} leaves alone. */
  encodeTail(view: DataView, at: number, value: EncodableStruct<M>): void {
    if (this.tail === undefined) return;
    const elements = (value[this.tail.name] as readonly unknown[] | undefined) ?? [];
    encodeElements(view, at + this.tail.offset, elements.length, this.tail.layout, elements);
  }

  /** Reads `count` elements of the tail of the struct at `at`. */
  decodeTail<K extends keyof M>(view: DataView, at: number, count: number): DecodedMember<M[K]> {
    if (this.tail === undefined) throw new TypeError(`${this.cName ?? 'struct'} has no flexible array member`);
    return decodeElements(view, at + this.tail.offset, count, this.tail.layout) as DecodedMember<M[K]>;
  }

  /** Overwrites only the fields that are given; every other byte stays. */
  assign(view: DataView, at: number, value: EncodableStruct<M>): void {
    for (const field of this.fields) {
      const given = value[field.name as keyof M];
      if (given !== undefined) field.layout.encode(view, at + field.offset, given);
    }
  }

  override format(value: DecodedStruct<M>): string {
    const parts = this.fields.map((field) => `${field.name}=${field.layout.format(value[field.name as keyof M])}`);
    return `{${parts.join(', ')}}`;
  }
}

/** `struct cName { members }`. */
export function struct<M extends Members>(cName: string, members: M, options?: AggregateOptions): Struct<M>;
export function struct<M extends Members>(members: M, options?: AggregateOptions): Struct<M>;
export function struct<M extends Members>(first: string | M, second?: M | AggregateOptions, third?: AggregateOptions): Struct<M> {
  if (typeof first === 'string') return new Struct(`struct ${first}`, second as M, third);
  return new Struct(undefined, first, second as AggregateOptions);
}

/** A union: decoding reads every member, encoding writes the one that is given over zeros. */
export class Union<M extends Readonly<Record<string, Layout<any, any>>>> extends Base<DecodedStruct<M>, EncodableStruct<M>> {
  readonly cName: string | undefined;
  readonly size: number;
  readonly align: number;
  readonly fields: readonly Field[];

  constructor(cName: string | undefined, members: M) {
    super();
    this.cName = cName;
    this.fields = Object.entries(members).map(([name, layout]) => ({ name, offset: 0, layout }));
    this.align = Math.max(...this.fields.map((field) => field.layout.align));
    this.size = roundUp(Math.max(...this.fields.map((field) => field.layout.size)), this.align);
  }

  override emitDecode(code: Code, offset: number): string {
    return `({ ${this.fields.map((field) => `${JSON.stringify(field.name)}: ${field.layout.emitDecode(code, offset)}`).join(', ')} })`;
  }

  override emitEncode(code: Code, offset: number, value: string): string {
    let out = '';
    for (let i = 0; i < this.size; i++) out += `v.setUint8(at + ${offset + i}, 0); `;
    for (const field of this.fields) {
      const given = `${value}?.[${JSON.stringify(field.name)}]`;
      out += `if (${given} !== undefined) { ${field.layout.emitEncode(code, offset, given)} } `;
    }
    return out;
  }

  override format(value: DecodedStruct<M>): string {
    return `{${this.fields.map((field) => `${field.name}=${field.layout.format(value[field.name as keyof M])}`).join(' | ')}}`;
  }
}

/** `union { members }`. */
export function union<M extends Readonly<Record<string, Layout<any, any>>>>(
  members: M,
): Layout<DecodedStruct<M>, EncodableStruct<M>> & { readonly fields: readonly Field[] } {
  return new Union(undefined, members);
}
