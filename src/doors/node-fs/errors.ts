import { getSystemErrorMap, inspect } from 'node:util';
import { Errno, type ErrnoName, errno, isErrno, strerror } from '../../abi/index.ts';

const SYSTEM_ERRORS = getSystemErrorMap();

/** Code and text as libuv has them; it lacks a few of Linux's errors. */
function describe(name: ErrnoName): readonly [code: string, text: string] {
  return SYSTEM_ERRORS.get(-errno[name]) ?? [name, strerror(name).toLowerCase()];
}

/** The `ErrnoException` that Node throws for a failed call. The machine's reason is its cause. */
export function errnoException(error: Errno, syscall: string, path?: string, dest?: string): NodeJS.ErrnoException {
  const [code, text] = describe(error.code);
  const where = `${path === undefined ? '' : ` '${path}'`}${dest === undefined ? '' : ` -> '${dest}'`}`;
  const exception = new Error(`${code}: ${text}, ${syscall}${where}`, { cause: error });
  return Object.assign(exception, {
    errno: -error.errno,
    code,
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  });
}

/**
 * Makes a call of the machine.
 *
 * @param syscall as Node names the request: `open`, `scandir`
 * @throws ErrnoException in place of Errno
 */
export function request<T>(syscall: string, path: string | undefined, dest: string | undefined, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw isErrno(error) ? errnoException(error, syscall, path, dest) : error;
  }
}

/** What Node throws where it refuses without asking the system: `ERR_FS_EISDIR` of rm. */
export function systemError(code: string, name: ErrnoName, syscall: string, path: string, what: string, why: string): Error {
  const error = new Error(`${what}: ${syscall} returned ${name} (${why}) ${path}`);
  error.name = 'SystemError';
  return Object.assign(error, {
    code,
    info: { code: name, message: why, path, syscall, errno: errno[name] },
    errno: errno[name],
    syscall,
    path,
  });
}

/** @returns the system's code of an exception of this door */
export function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** What Node says an argument was. */
function received(value: unknown): string {
  if (value === null || value === undefined) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = value.constructor?.name;
    return name ? `Received an instance of ${name}` : `Received ${inspect(value, { depth: -1 })}`;
  }
  return `Received type ${typeof value} (${inspect(value).slice(0, 28)})`;
}

export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const kind = name.includes('.') ? 'property' : 'argument';
  return Object.assign(new TypeError(`The "${name}" ${kind} must be ${expected}. ${received(value)}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

export function invalidValue(name: string, why: string, value: unknown): TypeError {
  return Object.assign(new TypeError(`The argument '${name}' ${why}. Received ${inspect(value)}`), { code: 'ERR_INVALID_ARG_VALUE' });
}

export function outOfRange(name: string, range: string, value: unknown): RangeError {
  return Object.assign(new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`), {
    code: 'ERR_OUT_OF_RANGE',
  });
}

/** Whether an argument was refused: functions with callbacks throw that at once, as Node's do. */
export function isRefusal(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

/** What an aborted operation fails with. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}

/** The `Errno` of a descriptor that this door knows to be closed. */
export const fileClosed = () => new Errno('EBADF', 'file closed');
