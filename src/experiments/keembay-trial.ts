import { isErrno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import { type KeembayOptions, type KeembayParts, keembay } from '../boards/index.ts';
import { exportRange, FilePayloads } from '../drivers/keembay-ipc/index.ts';
import { type FirmwareScript, idle } from '../hardware/keembay/index.ts';
import { type Kernel, wait } from '../kernel/index.ts';
import { Machine } from '../machine/index.ts';
import { KMB_IPC_NODE_LEON_MSS, PACKET_SIZE } from '../ports/keembay/index.ts';

/** Who owns the life of a packet: 20.2 of docs/reference/keembay-ipc.md. */
export interface Scheme extends KeembayOptions {
  /** Whether a packet takes a page of the region. */
  readonly isPaged?: boolean;
}

/** A GP channel, and an HS one. */
export const GP = 20;
export const HS = 0;

/** A machine with one scheme, for one question. */
export class Trial {
  readonly machine: Machine;
  readonly packets: number;
  readonly #board: ReturnType<typeof keembay>;
  readonly #outcomes: string[] = [];
  readonly #files: FilePayloads[] = [];
  #wanted = 0;
  readonly #began_ns: number;

  /** @param packets how many there are */
  constructor({ isPaged = false, ...scheme }: Scheme, seed: number, firmware: FirmwareScript, packets: number) {
    const bytes = packets * (isPaged ? PAGE_SIZE : PACKET_SIZE);
    const regionSize = Math.max(PAGE_SIZE, bytes);
    this.packets = packets;
    this.#board = keembay({ ...scheme, firmware, regionSize, ...(isPaged ? {} : { poolSlots: packets }) });
    this.machine = new Machine(this.#board, { seed });
    this.#began_ns = this.machine.system.now();
    for (const channel of [GP, HS]) this.parts.ipc.openChannel(KMB_IPC_NODE_LEON_MSS, channel);
  }

  get parts(): KeembayParts {
    return this.#board.parts;
  }

  /** Since the trial began. */
  get now_ns(): number {
    return this.machine.system.now() - this.#began_ns;
  }

  /** Work of the kernel's own. */
  spawn(name: string, work: Kernel<void>): void {
    this.machine.system.scheduler.spawn(name, undefined, work);
  }

  pass(duration_ns: number): void {
    this.machine.system.scheduler.runFor(duration_ns);
  }

  *#sendOne(channel: number, vpuAddr: number): Kernel<string> {
    try {
      yield* this.parts.ipc.send(KMB_IPC_NODE_LEON_MSS, channel, vpuAddr, 0n);
      return 'sent';
    } catch (error) {
      if (!isErrno(error)) throw error;
      return error.code;
    }
  }

  /** Sends one message after the other, and notes what became of each. */
  send(count: number, vpuAddr = 0): void {
    const trial = this;
    this.#wanted += count;
    this.spawn(
      'a sender',
      (function* () {
        for (let i = 0; i < count; i++) trial.#outcomes.push(yield* trial.#sendOne(GP, vpuAddr));
      })(),
    );
    this.pass(0);
  }

  /** Sends without end, whatever becomes of it, and looks how it goes when it is refused. */
  flood(channel: number): void {
    const trial = this;
    this.spawn(
      'a flooder',
      (function* () {
        while (trial.parts.ipc.isBound) if ((yield* trial.#sendOne(channel, 0)) !== 'sent') return;
      })(),
    );
  }

  /** Sends when it is told that there is room, as who polls for POLLOUT. @returns when each message went, in ns, and goes on */
  sendWhenTold(count: number): number[] {
    const { freeNotice, ipc } = this.parts;
    const sent: number[] = [];
    const trial = this;
    this.spawn(
      'a patient sender',
      (function* () {
        while (sent.length < count) {
          yield* wait(freeNotice.queue, () => ipc.pool.hasFree());
          if ((yield* trial.#sendOne(GP, 0)) === 'sent') sent.push(trial.now_ns);
        }
      })(),
    );
    return sent;
  }

  /** `8 sent, 12 ENOMEM`. */
  get summary(): string {
    const counts = new Map<string, number>();
    for (const outcome of this.#outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const waiting = this.#wanted - this.#outcomes.length;
    if (waiting > 0) counts.set('waiting', waiting);
    return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  }

  /** How many messages can be sent now without an answer. */
  get room(): number {
    this.parts.firmware.script = idle;
    const before = this.#outcomes.length;
    this.send(this.packets);
    return this.#outcomes.slice(before).filter((outcome) => outcome === 'sent').length;
  }

  /** Imports a page as payload, sends its address, and releases it at once. @returns what the release said */
  sendPayload(): { readonly vpuAddr: number; readonly released: string } {
    const { payloads } = this.parts;
    const region = this.machine.ram.region('payload');
    const address = region.allocate(PAGE_SIZE);
    const memory = this.machine.system.memory.allocate(PAGE_SIZE, 'a payload');
    memory.bytes().fill(7);
    const file = new FilePayloads(payloads);
    let answer = { vpuAddr: 0, released: 'released' };
    const trial = this;
    this.spawn(
      'a sender of payload',
      (function* () {
        const dmabuf = exportRange(trial.machine.system, { memory, offset: 0, length: PAGE_SIZE, address });
        memory.put();
        const { vpuAddr, handle } = yield* file.importBuffer(dmabuf, { access: 1, offset: 0, length: 0 });
        trial.#wanted++;
        trial.#outcomes.push(yield* trial.#sendOne(GP, vpuAddr));
        let released = 'released';
        try {
          yield* file.release(handle, false);
        } catch (error) {
          if (!isErrno(error)) throw error;
          released = error.code;
        }
        answer = { vpuAddr, released };
      })(),
    );
    this.pass(0);
    this.#files.push(file);
    this.machine.onShutdown(() => region.free(address));
    return answer;
  }

  /** Whether the VPU can read where it was told to. */
  canRead(vpuAddr: number): boolean {
    const { findings } = this.machine.system;
    findings.expect('dma-outside-mapping');
    const before = findings.all.length;
    this.parts.firmware.readData(vpuAddr, PACKET_SIZE);
    return findings.all.length === before;
  }

  /** Takes the driver away while the VPU goes on. */
  removeDriver(): void {
    this.spawn('rmmod keembay-ipc', this.parts.ipc.remove());
    this.pass(1e6);
  }

  end(): void {
    for (const file of this.#files) this.spawn('a last close', file.releaseAll());
    this.spawn('rmmod', this.parts.remove());
    // Sends that are under way end first.
    this.pass(10e6);
    this.machine.shutdown();
  }
}
