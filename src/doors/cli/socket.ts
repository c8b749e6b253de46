import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import { Refusal } from './program.ts';

/** Bytes of a socket's path, without the zero at the end of `sun_path`. */
const PATH_MAX = 107;

/** Why nobody answers at a socket, as an errno's name; undefined when somebody does. */
function silenceOf(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(undefined);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => done(code));
  });
}

/**
 * A path where a server can listen. The socket of a server that has died is taken away.
 *
 * @returns the path, absolute
 * @throws Refusal when something else is there, or somebody serves there
 */
export async function takeSocket(given: string): Promise<string> {
  const path = resolve(given);
  if (Buffer.byteLength(path) > PATH_MAX) throw new Refusal(`${path} is too long for a socket: ${PATH_MAX} bytes at most`);
  const folder = dirname(path);
  if (!existsSync(folder)) throw new Refusal(`${folder} does not exist; make it: mkdir -p ${folder}`);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return path;
  if (!found.isSocket()) throw new Refusal(`${given} is there already, and is no socket; choose another path`);
  const silence = await silenceOf(path);
  if (silence === undefined) throw new Refusal(`${given} is served already; join it with --connect, or choose another path`);
  if (silence !== 'ECONNREFUSED') throw new Refusal(`${given} is somebody's socket (${silence}); choose another path`);
  unlinkSync(path);
  return path;
}
