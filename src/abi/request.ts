import { formatIoc, IOC_NONE, IOC_READ, IOC_WRITE, type IocType, ioc } from './ioc.ts';
import type { Layout, Struct } from './layout.ts';

/**
 * How the third argument of ioctl(2) is meant:
 * - `none`: ignored;
 * - `in`, `out`, `inout`: address of the struct, which the kernel reads, writes, or both;
 * - `string`: address of a C string;
 * - `value`: a number, no address.
 */
export type ArgumentShape = 'none' | 'in' | 'out' | 'inout' | 'string' | 'value';

/**
 * An ioctl request: its number, and what its argument is. `A` is what a caller passes, `D` what a handler is given, `R` what the
 * caller gets (the struct for requests that the kernel answers in, else the return value), `W` what a handler returns: the
 * return value (nothing is 0), or what goes back into the struct.
 */
export class Request<A, D = A, R = number, W = number | void> {
  /** As `unsigned int cmd`. */
  readonly number: number;
  readonly shape: ArgumentShape;
  /** Absent for requests without a struct. */
  readonly layout: Layout<any, any> | undefined;
  /** The constant's name in C. */
  readonly name: string;
  /** Phantoms, see above. */
  declare readonly argument: A;
  declare readonly decoded: D;
  declare readonly result: R;
  declare readonly answer: W;

  constructor(number: number, shape: ArgumentShape, layout: Layout<any, any> | undefined, name: string | undefined) {
    this.number = number;
    this.shape = shape;
    this.layout = layout;
    this.name = name ?? formatIoc(number);
  }

  /** The same request under the name of its C constant. */
  named(name: string): Request<A, D, R, W> {
    return new Request(this.number, this.shape, this.layout, name);
  }
}

export type AnyRequest = Request<any, any, any, any>;

/** A request without an argument. */
export function IO(type: IocType, nr: number, name?: string): Request<undefined> {
  return new Request(ioc(IOC_NONE, type, nr, 0), 'none', undefined, name);
}

/** A request whose struct only the kernel reads. */
export function IOW<T, I>(type: IocType, nr: number, layout: Layout<T, I>, name?: string): Request<I, T> {
  return new Request(ioc(IOC_WRITE, type, nr, layout.size), 'in', layout, name);
}

/** A request whose struct only the kernel writes. */
export function IOR<T, I>(type: IocType, nr: number, layout: Layout<T, I>, name?: string): Request<undefined, undefined, T, I> {
  return new Request(ioc(IOC_READ, type, nr, layout.size), 'out', layout, name);
}

/** A request whose struct the kernel reads and writes. */
export function IOWR<T, I>(type: IocType, nr: number, layout: Layout<T, I>, name?: string): Request<I, T, T, I | void> {
  return new Request(ioc(IOC_READ | IOC_WRITE, type, nr, layout.size), 'inout', layout, name);
}

/** The same number, where the argument is really the address of a C string. */
export function takesString(request: AnyRequest): Request<string> {
  return new Request(request.number, 'string', undefined, undefined);
}

/** The same number, where the argument is really a plain number. */
export function takesValue(request: AnyRequest): Request<number> {
  return new Request(request.number, 'value', undefined, undefined);
}

/** Names each request after its key: `export const { A_IOC_X } = requests({ A_IOC_X: IOW(...) })`. */
export function requests<T extends Readonly<Record<string, AnyRequest>>>(table: T): T {
  return Object.fromEntries(Object.entries(table).map(([name, request]) => [name, request.named(name)])) as T;
}

/** Whether a layout may carry a flexible tail, so that its bytes depend on the value. */
export function hasTail(layout: Layout<any, any>): layout is Struct<any> {
  return (layout as Partial<Struct<any>>).tail !== undefined;
}

/** Bytes of a value of a layout, with its flexible tail. @param value undefined for zeros */
export function sizeOfValue(layout: Layout<any, any>, value: unknown): number {
  return hasTail(layout) && value !== undefined ? layout.sizeOf(value as never) : layout.size;
}

/** Writes {@link sizeOfValue} bytes. */
export function encodeWhole(layout: Layout<any, any>, view: DataView, at: number, value: unknown): void {
  layout.encode(view, at, value);
  if (hasTail(layout) && value !== undefined) layout.encodeTail(view, at, value as never);
}
