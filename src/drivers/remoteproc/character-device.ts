/** drivers/remoteproc/remoteproc_cdev.c. Section 18 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { RPROC_GET_SHUTDOWN_ON_RELEASE, RPROC_SET_SHUTDOWN_ON_RELEASE } from '../../abi/uapi/index.ts';
import { type FileOperations, ioctls, type Kernel, on, type UserBuffer } from '../../kernel/index.ts';
import { detach } from './attach.ts';
import { shutdown } from './boot.ts';
import { COMMANDS, command } from './control.ts';
import type { Rproc } from './rproc.ts';

/** Of `cmd`, a char[10]. */
const COMMAND_MAX = 10;

/** strncmp with the length that was given: what begins a command is that command, and a NUL ends both. */
function agrees(text: string, word: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const [a, b] = [text[i], word[i] ?? '\0'];
    if (a !== b) return false;
    if (a === '\0') return true;
  }
  return true;
}

function* write(rproc: Rproc, from: UserBuffer): Kernel<number> {
  const length = from.remaining;
  if (length === 0 || length > COMMAND_MAX) throw new Errno('EINVAL', `a command has up to ${COMMAND_MAX} bytes`);
  const text = Buffer.from(yield* from.take(length)).toString('latin1');
  const word = COMMANDS.find((known) => agrees(text, known));
  if (word === undefined) {
    rproc.print('err', 'Unrecognized option');
    throw new Errno('EINVAL', `${text} is no command`);
  }
  const result = yield* command(rproc, word);
  return result === 0 ? length : result;
}

/** Any close of any file, when somebody asked for it. */
function* release(rproc: Rproc): Kernel<void> {
  if (!rproc.stopsOnRelease) return;
  try {
    if (rproc.state === 'running') yield* shutdown(rproc);
    else if (rproc.state === 'attached') yield* detach(rproc);
  } catch (error) {
    if (!isErrno(error)) throw error;
  }
}

export function rprocFileOperations(rproc: Rproc): FileOperations {
  const { ioctl, requests } = ioctls(
    on(RPROC_SET_SHUTDOWN_ON_RELEASE, (_file, value) => {
      rproc.stopsOnRelease = value !== 0;
    }),
    on(RPROC_GET_SHUTDOWN_ON_RELEASE, () => (rproc.stopsOnRelease ? 1 : 0)),
  );
  const known = new Set(requests.map(({ number }) => number >>> 0));
  return {
    write: (_file, from) => write(rproc, from),
    ioctl(file, request, argument, task) {
      // Not the ENOTTY that a driver should give.
      if (!known.has(request >>> 0)) {
        rproc.print('err', 'Unsupported ioctl');
        throw new Errno('EINVAL', 'the processor does not know this request');
      }
      return ioctl(file, request, argument, task);
    },
    requests,
    release: () => release(rproc),
  };
}
