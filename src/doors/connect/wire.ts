/** The two ends of a connection. Either sends messages: four bytes of length, then a {@link Value}. */
import type { Socket } from 'node:net';
import { decodeValue, encodeValue, type Value } from './values.ts';

/** Most bytes that a call carries, in either direction. */
export const CALL_BYTES_MAX = 64 * 2 ** 20;
/** Most bytes of a message: those of a call, and what says which. */
const MESSAGE_MAX = CALL_BYTES_MAX + 2 ** 20;
const LENGTH_SIZE = 4;

export interface WireEvents {
  /** A message has come. What this throws ends the connection. */
  message(message: Value): void;
  /** No more will come: the other end has gone, or broke the rules. Called once. */
  end(reason: string): void;
}

/** One end of a connection. */
export class Wire {
  readonly #socket: Socket;
  readonly #events: WireEvents;
  /** What has come of the next message. */
  #parts: Uint8Array[] = [];
  #length = 0;
  #hasEnded = false;

  constructor(socket: Socket, events: WireEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (bytes: Uint8Array) => this.#take(bytes));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('end', () => this.#end('the other end has gone'));
    socket.on('close', () => this.#end('the connection was closed'));
  }

  send(message: Value): void {
    if (this.#hasEnded) return;
    const parts = encodeValue(message);
    const header = new Uint8Array(LENGTH_SIZE);
    new DataView(header.buffer).setUint32(
      0,
      parts.reduce((sum, part) => sum + part.length, 0),
      true,
    );
    this.#socket.write(Buffer.concat([header, ...parts]));
  }

  /** Lets the other end have what was sent, and closes. Resolves when it has closed, too. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', () => resolve());
      this.#socket.end();
    });
  }

  /** Closes without waiting for anybody. */
  drop(reason: string): void {
    this.#end(reason);
    this.#socket.destroy();
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts = [];
    this.#events.end(reason);
  }

  #take(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    try {
      for (let message = this.#next(); message !== undefined; message = this.#next()) this.#events.message(decodeValue(message));
    } catch (error) {
      this.drop((error as Error).message);
    }
  }

  /** Takes the next message when it is complete. @throws RangeError when it is longer than any may be */
  #next(): Uint8Array | undefined {
    if (this.#length < LENGTH_SIZE) return undefined;
    if ((this.#parts[0] as Uint8Array).length < LENGTH_SIZE) this.#join();
    const first = this.#parts[0] as Uint8Array;
    const length = new DataView(first.buffer, first.byteOffset).getUint32(0, true);
    if (length > MESSAGE_MAX) throw new RangeError(`a message of ${length} bytes`);
    const end = LENGTH_SIZE + length;
    if (this.#length < end) return undefined;
    const whole = this.#join();
    this.#parts = [whole.subarray(end)];
    this.#length -= end;
    return whole.subarray(LENGTH_SIZE, end);
  }

  #join(): Uint8Array {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] as Uint8Array;
  }
}
