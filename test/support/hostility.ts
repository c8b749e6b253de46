import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { generic } from '../../src/boards/index.ts';
import { compile } from './compiler.ts';
import { type Exit, type Held, NativeServer } from './native-server.ts';
import { root } from './paths.ts';

/** Calls of the honest program beside each hostile one. */
const HONEST_CALLS = 100;

/** Hostile programs against one server, each beside an honest one. */
export class Hostility {
  /** Hostile programs take memory; there is enough for the others, too. */
  readonly native = new NativeServer({ ...generic(), ram: 2 ** 40 });
  readonly #programs: Readonly<Record<string, string>>;
  #baseline!: Held;

  private constructor(folder: string) {
    const source = (name: string) => join(root, 'test/native/programs', `${name}.c`);
    this.#programs = Object.fromEntries(
      ['hostile-calls', 'hostile-files', 'hostile-protocol', 'churn'].map((name) => [
        name,
        compile(source(name), join(folder, name), '-O2'),
      ]),
    );
  }

  static async prepare(folder: string): Promise<Hostility> {
    const made = new Hostility(folder);
    await made.native.run(['true']);
    await made.native.turn();
    made.#baseline = made.native.held();
    return made;
  }

  /** A program that makes wrong calls. @throws Error when that does harm */
  calls(seed: number, count: number): Promise<void> {
    return this.#run('hostile-calls', seed, count);
  }

  /** One that makes the calls that every file has, wrongly, and is interrupted all the time. @throws Error when that does harm */
  files(seed: number, count: number): Promise<void> {
    return this.#run('hostile-files', seed, count);
  }

  /** A program that does not keep to the protocol. @throws Error when that does harm */
  protocol(seed: number, count: number): Promise<void> {
    return this.#run('hostile-protocol', seed, count);
  }

  async #run(name: string, seed: number, count: number): Promise<void> {
    const { native } = this;
    const program = (command: string) => this.#programs[command] as string;
    const honest = native.run([program('churn'), `${seed}`, `${HONEST_CALLS}`]);
    const library = name === 'hostile-protocol' ? '' : undefined;
    const hostile = native.run([program(name), `${seed}`, `${count}`], library === undefined ? {} : { library });
    const fine: Exit = { status: 0, signal: null };
    expectSame(`${name} ${seed} ${count} ended`, await hostile, fine);
    expectSame(`the program beside ${name} ${seed} ${count} ended`, await honest, fine);
    await native.turn();
    const after = `after ${name} ${seed} ${count}`;
    expectSame(`held ${after}`, native.held(), this.#baseline);
    expectSame(`complaints ${after}`, native.complaints, []);
    expectSame(`findings ${after}`, native.machine.system.findings.unexpected, []);
  }

  close(): void {
    this.native.close();
  }
}

function expectSame(what: string, found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`${what}: ${JSON.stringify(found, undefined, 1)} instead of ${JSON.stringify(wanted, undefined, 1)}`);
}
