/** Faults as text: `SERVICE[:SELECTOR=VALUE]…[:ERRNO]`, as `alloc:call=DMA_HEAP_IOCTL_ALLOC:nth=3:ENOMEM`. */
import { type ErrnoName, errno } from '../abi/index.ts';
import { FAULT_SERVICES, type Fault, type FaultService } from './fault.ts';

/** A piece of the text, and where it begins. */
interface Piece {
  readonly text: string;
  readonly at: number;
}

/** The text is wrong in one place, which the message points at. */
function wrong(whole: string, { text, at }: Piece, message: string): SyntaxError {
  return new SyntaxError(`${message}\n  ${whole}\n  ${' '.repeat(at)}${'^'.repeat(Math.max(1, text.length))}`);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

function duration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(text);
  return match === null ? undefined : Math.round(Number(match[1]) * (NANOSECONDS[match[2] as string] as number));
}

const count = (text: string) => (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined);
const share = (text: string) => (/^(0|1|0?\.\d+|1\.0+|0\.\d+)$/.test(text) ? Number(text) : undefined);
const word = (text: string) => (text === '' ? undefined : text);

/** Each selector: the field that it sets, how its value is read, and what a value is. */
const SELECTORS = {
  nth: { field: 'nth', read: count, value: 'a whole number from 1 on' },
  every: { field: 'every', read: count, value: 'a whole number from 1 on' },
  p: { field: 'p', read: share, value: 'a share from 0 to 1' },
  times: { field: 'times', read: count, value: 'a whole number from 1 on' },
  call: { field: 'call', read: word, value: 'the name of a call or of a request' },
  task: { field: 'task', read: word, value: 'the name of a command' },
  what: { field: 'what', read: word, value: 'a part of what the service is used for' },
  after: { field: 'after_ns', read: duration, value: 'a time with its unit, as 1.5s, 20ms, 3us or 7ns' },
  before: { field: 'before_ns', read: duration, value: 'a time with its unit, as 1.5s, 20ms, 3us or 7ns' },
} as const;

/** @throws SyntaxError that points at what it does not understand */
export function parseFault(text: string): Fault {
  let at = 0;
  const pieces = text.split(':').map((part) => {
    const piece = { text: part, at };
    at += part.length + 1;
    return piece;
  });
  const [first, ...rest] = pieces as [Piece, ...Piece[]];
  if (!(first.text in FAULT_SERVICES)) {
    throw wrong(text, first, `no service is called "${first.text}"; there are ${Object.keys(FAULT_SERVICES).join(', ')}`);
  }
  const fault: Writable<Fault> = { service: first.text as FaultService };
  for (const piece of rest) {
    const equals = piece.text.indexOf('=');
    if (equals >= 0) readSelector(text, piece, equals, fault);
    else readError(text, piece, fault);
  }
  return fault;
}

function readSelector(whole: string, piece: Piece, equals: number, fault: Writable<Fault>): void {
  const name = { text: piece.text.slice(0, equals), at: piece.at };
  const value = { text: piece.text.slice(equals + 1), at: piece.at + equals + 1 };
  if (!Object.hasOwn(SELECTORS, name.text)) {
    throw wrong(whole, name, `no selector is called "${name.text}"; there are ${Object.keys(SELECTORS).join(', ')}`);
  }
  const { field, read, value: wanted } = SELECTORS[name.text as keyof typeof SELECTORS];
  if (fault[field] !== undefined) throw wrong(whole, name, `${name.text} is given twice`);
  const known = read(value.text);
  if (known === undefined) throw wrong(whole, value, `${name.text} is ${wanted}`);
  Object.assign(fault, { [field]: known });
}

function readError(whole: string, piece: Piece, fault: Writable<Fault>): void {
  const errors: readonly string[] = FAULT_SERVICES[fault.service];
  if (!Object.hasOwn(errno, piece.text)) throw wrong(whole, piece, 'neither a selector, as nth=3, nor the name of an error');
  if (fault.error !== undefined) throw wrong(whole, piece, 'there is an error already');
  if (!errors.includes(piece.text))
    throw wrong(whole, piece, `${fault.service} cannot fail with ${piece.text}, but with ${errors.join(' or ')}`);
  fault.error = piece.text as ErrnoName;
}

/** The text of a fault, as {@link parseFault} reads it. */
export function formatFault(fault: Fault): string {
  const selectors = Object.entries(SELECTORS).flatMap(([name, { field }]) => {
    const value = fault[field];
    return value === undefined ? [] : [`${name}=${value}${field.endsWith('_ns') ? 'ns' : ''}`];
  });
  return [fault.service, ...selectors, ...(fault.error === undefined ? [] : [fault.error])].join(':');
}
