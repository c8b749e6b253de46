import type { System } from '../../kernel/index.ts';
import type { Answer, Ask } from './protocol.ts';

/** What a session stands on. */
export interface SessionContext {
  readonly system: System;
  answer(answer: Answer): void;
  /** What is not the client's fault: people get to know. @returns the message */
  complain(error: unknown): string;
}

/** The server's side of a connection, after the welcome. */
export interface Session {
  /** The machine's time has come to the host's, and everything that programs did is known. */
  ask(ask: Ask): void;
  /** The connection has ended. */
  end(): void;
}
