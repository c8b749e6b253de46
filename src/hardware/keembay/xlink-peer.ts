import type { DmaDevice } from '../../memory/index.ts';
import {
  type SharedRegion,
  XLINK_CONTROL_CHANNEL,
  XLINK_GET_POWER_MODE,
  XLINK_GET_POWER_MODE_RESPONSE,
  XLINK_SET_POWER_MODE,
  XLINK_SET_POWER_MODE_RESPONSE,
  xlink_control_command,
} from '../../ports/keembay/index.ts';
import type { OutgoingMessage, TakenPacket } from './vpu-firmware.ts';

type Area = Pick<SharedRegion, 'vpuAddr' | 'size'>;

const BUFFER_SIZE = 128;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The firmware's side of volatile messages, whose payload is copied through two areas: what Linux sends is in the one, what the VPU sends
 * in the other. Section 15 of docs/reference/keembay-ipc.md.
 */
export class XlinkPeer {
  readonly #device: DmaDevice;
  readonly #fromCpu: Area;
  readonly #toCpu: Area;
  #next = 0;
  /** Of `enum xlink_device_power_mode`; what it costs is not simulated. */
  powerMode = 0;

  constructor(device: DmaDevice, fromCpu: Area, toCpu: Area) {
    this.#device = device;
    this.#fromCpu = fromCpu;
    this.#toCpu = toCpu;
  }

  /** Copies a payload to where Linux looks for it. @param bytes at most 128 @returns where that is */
  put(bytes: Uint8Array): number {
    const vpuAddr = this.#toCpu.vpuAddr + this.#next;
    this.#next = (this.#next + BUFFER_SIZE) % this.#toCpu.size;
    this.#device.write(vpuAddr, bytes);
    return vpuAddr;
  }

  /** What goes back for a message: on the control channel what was asked for, else the same; a payload that was copied is copied back. */
  answerTo({ channel, dataAddr, dataSize }: TakenPacket): OutgoingMessage {
    const { vpuAddr, size } = this.#fromCpu;
    if (dataAddr < vpuAddr || dataAddr + dataSize > vpuAddr + size) return { channel, dataAddr, dataSize };
    const payload = this.#device.read(dataAddr, dataSize);
    const bytes = channel === XLINK_CONTROL_CHANNEL ? this.#control(payload) : payload;
    return { channel, dataAddr: this.put(bytes), dataSize: bytes.length };
  }

  #control(payload: Uint8Array): Uint8Array {
    const whole = new Uint8Array(xlink_control_command.size);
    whole.set(payload);
    const { command, data } = xlink_control_command.decode(viewOf(whole), 0);
    const answer = (kind: number, ...of: number[]) => {
      const bytes = new Uint8Array(xlink_control_command.size);
      xlink_control_command.encode(viewOf(bytes), 0, { command: kind, data: of });
      return bytes.subarray(0, 4 + of.length);
    };
    if (command === XLINK_GET_POWER_MODE) return answer(XLINK_GET_POWER_MODE_RESPONSE, 0, this.powerMode);
    if (command !== XLINK_SET_POWER_MODE) return payload;
    this.powerMode = data[0] as number;
    return answer(XLINK_SET_POWER_MODE_RESPONSE, 0);
  }
}
