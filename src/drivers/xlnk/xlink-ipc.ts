import { Errno, isErrno } from '../../abi/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import type { CoherentRegion } from '../../memory/index.ts';
import {
  type IpcLink,
  type IpcMessage,
  KEEMBAY_VPU_OFF,
  KEEMBAY_VPU_READY,
  KMB_IPC_NODE_LEON_MSS,
  type VpuManager,
  XLINK_CONTROL_CHANNEL,
  XLINK_GET_POWER_MODE,
  XLINK_GET_POWER_MODE_RESPONSE,
  XLINK_SET_POWER_MODE,
  XLINK_SET_POWER_MODE_RESPONSE,
  xlink_control_command,
} from '../../ports/keembay/index.ts';
import { READ_OVERRUNS } from './defects.ts';
import { PayloadRing, XLINK_MAX_BUF_SIZE } from './payload-ring.ts';

export interface XlinkIpcDescription {
  readonly system: System;
  readonly ipc: IpcLink;
  readonly vpu: VpuManager;
  /** For what Linux copies to send it, and for what the VPU does. */
  readonly regions: { readonly local: CoherentRegion; readonly remote: CoherentRegion };
  /** `intel,keembay-vpu-ipc-id`; 0 when left out. */
  readonly vpuId?: number;
  /** `intel,keembay-vpu-ipc-name`; `vpu-0` when left out. */
  readonly name?: string;
}

const READY_TIMEOUT_MS = 3000;
const CONTROL_TIMEOUT_MS = 5000;
const NODE = KMB_IPC_NODE_LEON_MSS;

/** Bits 3:1 of a software device id. */
const vpuIdOf = (swDeviceId: number) => (swDeviceId >>> 1) & 7;

/** What a call must end as whatever else goes wrong: errors that are no errno, as the end of a task, are left alone. */
function* orElse<T>(code: 'EBUSY' | 'EINVAL', why: string, work: Kernel<T>): Kernel<T> {
  try {
    return yield* work;
  } catch (error) {
    if (!isErrno(error)) throw error;
    throw new Errno(code, `${why}: ${error.message}`);
  }
}

/** xlink-ipc: the platform functions of the IPC interface. Section 15 of docs/reference/keembay-ipc.md. */
export class XlinkIpc {
  readonly name: string;
  readonly swDeviceId: number;
  readonly vpu: VpuManager;
  readonly #system: System;
  readonly #ipc: IpcLink;
  readonly #remote: CoherentRegion;
  readonly #ring: PayloadRing;
  readonly #vpuId: number;

  constructor({ system, ipc, vpu, regions, vpuId = 0, name = 'vpu-0' }: XlinkIpcDescription) {
    this.#system = system;
    this.#ipc = ipc;
    this.vpu = vpu;
    this.#remote = regions.remote;
    this.#ring = new PayloadRing(system, ipc, regions.local);
    this.name = name;
    this.#vpuId = vpuId;
    this.swDeviceId = (vpuId & 7) << 1;
  }

  /** xlink_ipc_connect, and the look-up that all others begin with. @throws Errno ENODEV */
  assertServes(swDeviceId: number): void {
    if (vpuIdOf(swDeviceId) !== this.#vpuId) throw new Errno('ENODEV', `there is no VPU 0x${swDeviceId.toString(16)}`);
  }

  /** @throws Errno EINVAL, ENOMEM, EEXIST */
  openChannel(chan: number): void {
    this.#ipc.openChannel(NODE, chan);
  }

  /** @throws Errno EINVAL */
  *closeChannel(chan: number): Kernel<void> {
    yield* this.#ipc.closeChannel(NODE, chan);
  }

  /** @param vpuAddr where the VPU sees the payload @throws Errno what a send says */
  *write(chan: number, vpuAddr: number, size: number): Kernel<void> {
    yield* this.#ipc.send(NODE, chan, vpuAddr, BigInt(size));
  }

  /** @param message of at most {@link XLINK_MAX_BUF_SIZE} bytes @throws Errno ENOMEM, ENXIO, what a send says */
  *writeVolatile(chan: number, message: Uint8Array): Kernel<void> {
    yield* this.write(chan, this.#ring.put(message), message.length);
  }

  /** @throws Errno what a receive says */
  *read(chan: number, timeout_ms: number): Kernel<IpcMessage> {
    const into: { message?: IpcMessage } = {};
    yield* this.#ipc.recv(NODE, chan, into, timeout_ms);
    return into.message as IpcMessage;
  }

  /** @returns the kernel's copy of what the VPU sent @throws Errno ENXIO when it is not in the VPU's region; EINVAL when it is too long */
  *readVolatile(chan: number, timeout_ms: number): Kernel<Uint8Array> {
    const { vpuAddr, size } = yield* this.read(chan, timeout_ms);
    const { busAddress, size: room, memory } = this.#remote;
    if (vpuAddr < busAddress || vpuAddr >= busAddress + room)
      throw new Errno('ENXIO', `0x${vpuAddr.toString(16)} is not in the VPU's buffers`);
    if (size > XLINK_MAX_BUF_SIZE) {
      const { findings } = this.#system;
      if (findings.recreates(READ_OVERRUNS))
        findings.report('xlink-stack-overrun', `${size} bytes were copied into ${XLINK_MAX_BUF_SIZE} on the stack`);
      throw new Errno('EINVAL', `a message of ${size} bytes is too long`);
    }
    const at = vpuAddr - busAddress;
    return memory.bytes().slice(at, at + size);
  }

  /** @throws Errno EBUSY whatever is wrong */
  *boot(name: string): Kernel<void> {
    yield* orElse('EBUSY', 'the VPU did not start', this.vpu.startup(name));
    yield* orElse('EBUSY', 'the VPU was never ready', this.vpu.waitForReady(READY_TIMEOUT_MS));
    if (this.vpu.status !== KEEMBAY_VPU_READY) throw new Errno('EBUSY', `the VPU is in state ${this.vpu.status}`);
  }

  /** Which means stop. @throws Errno EBUSY whatever is wrong */
  reset(): void {
    try {
      this.vpu.stop();
    } catch (error) {
      if (!isErrno(error)) throw error;
      throw new Errno('EBUSY', error.message);
    }
    if (this.vpu.status !== KEEMBAY_VPU_OFF) throw new Errno('EBUSY', `the VPU is in state ${this.vpu.status}`);
  }

  /** @throws Errno EINVAL whatever is wrong */
  *powerMode(): Kernel<number> {
    return (yield* this.#command({ command: XLINK_GET_POWER_MODE }, 4, XLINK_GET_POWER_MODE_RESPONSE))[1] ?? 0;
  }

  /** @throws Errno EINVAL whatever is wrong */
  *setPowerMode(mode: number): Kernel<void> {
    yield* this.#command({ command: XLINK_SET_POWER_MODE, data: [mode & 0xff] }, 5, XLINK_SET_POWER_MODE_RESPONSE);
  }

  /** Asks the firmware on the control channel, which is open only meanwhile. @returns the data of its answer */
  *#command(command: Parameters<typeof xlink_control_command.encode>[2], length: number, expected: number): Kernel<number[]> {
    try {
      this.openChannel(XLINK_CONTROL_CHANNEL);
    } catch (error) {
      // Whoever has it open lends it, and loses it.
      if (!isErrno(error)) throw error;
      if (error.code !== 'EEXIST') throw new Errno('EINVAL', error.message);
    }
    try {
      return yield* orElse('EINVAL', 'the firmware does not know its power mode', this.#exchange(command, length, expected));
    } finally {
      yield* this.closeChannel(XLINK_CONTROL_CHANNEL);
    }
  }

  *#exchange(command: Parameters<typeof xlink_control_command.encode>[2], length: number, expected: number): Kernel<number[]> {
    const bytes = new Uint8Array(xlink_control_command.size);
    xlink_control_command.encode(new DataView(bytes.buffer), 0, command);
    yield* this.writeVolatile(XLINK_CONTROL_CHANNEL, bytes.subarray(0, length));
    const answer = new Uint8Array(xlink_control_command.size);
    answer.set(yield* this.readVolatile(XLINK_CONTROL_CHANNEL, CONTROL_TIMEOUT_MS));
    const { command: kind, data } = xlink_control_command.decode(new DataView(answer.buffer), 0);
    if (kind !== expected || data[0] !== 0) throw new Errno('EINVAL', `the firmware answers ${kind} with status ${data[0]}`);
    return data;
  }
}
