import { Connection } from '../connect/index.ts';
import { Refusal } from './program.ts';

/** Joins the machine of a server. @param socket its path @throws Refusal when there is none, or it does not let us */
export async function join(socket: string, purpose: Parameters<typeof Connection.open>[1]): Promise<Connection> {
  try {
    return await Connection.open(socket, purpose);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      throw new Refusal(`nobody serves a machine at ${socket}; start one: ioctopus serve --socket ${socket}`);
    if (code === 'ENOTSOCK') throw new Refusal(`${socket} is not a socket`);
    if (code === 'EACCES') throw new Refusal(`${socket}: permission denied; only the user who serves it, and root, may join`);
    throw new Refusal(`joining the machine at ${socket} failed: ${message}`);
  }
}
