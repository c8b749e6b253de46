import { Errno } from '../../abi/index.ts';
import {
  KEEMBAY_VPU_BUSY,
  KEEMBAY_VPU_ERROR,
  KEEMBAY_VPU_NOTIFY_CONNECT,
  KEEMBAY_VPU_NOTIFY_DISCONNECT,
  KEEMBAY_VPU_OFF,
  KEEMBAY_VPU_READY,
  KEEMBAY_VPU_STOPPING,
} from '../../ports/keembay/index.ts';

export type VpuEvent =
  | 'boot'
  | 'boot-failed'
  | 'stop'
  | 'stop-complete'
  | 'nce-wdt-timeout'
  | 'mss-wdt-timeout'
  | 'mss-ready-ok'
  | 'mss-ready-fail';

/** By state, where an event leads. What is not here is EINVAL. */
const TRANSITIONS: readonly Readonly<Partial<Record<VpuEvent, number>>>[] = [
  { boot: KEEMBAY_VPU_BUSY },
  { 'mss-ready-ok': KEEMBAY_VPU_READY, 'mss-ready-fail': KEEMBAY_VPU_ERROR, 'boot-failed': KEEMBAY_VPU_ERROR },
  {
    'mss-ready-fail': KEEMBAY_VPU_ERROR,
    'boot-failed': KEEMBAY_VPU_ERROR,
    'nce-wdt-timeout': KEEMBAY_VPU_ERROR,
    'mss-wdt-timeout': KEEMBAY_VPU_ERROR,
    boot: KEEMBAY_VPU_BUSY,
    stop: KEEMBAY_VPU_STOPPING,
  },
  { boot: KEEMBAY_VPU_BUSY, stop: KEEMBAY_VPU_STOPPING },
  { 'stop-complete': KEEMBAY_VPU_OFF },
];

/** The state of the VPU, as its driver knows it: 14.1 of docs/reference/keembay-ipc.md. */
export class VpuStateMachine {
  state: number = KEEMBAY_VPU_OFF;
  /** Told inside of the transition, as the real one's is, maybe in an interrupt. */
  listener: ((event: number) => void) | undefined;

  /** @throws Errno EINVAL for what cannot be in this state; a VPU that was ready counts as disconnected all the same */
  handle(event: VpuEvent): void {
    const next = TRANSITIONS[this.state]?.[event];
    if (this.state === KEEMBAY_VPU_READY && event !== 'mss-ready-ok') this.listener?.(KEEMBAY_VPU_NOTIFY_DISCONNECT);
    if (next === undefined) throw new Errno('EINVAL', `${event} cannot be in state ${this.state}`);
    this.state = next;
    if (next === KEEMBAY_VPU_READY) this.listener?.(KEEMBAY_VPU_NOTIFY_CONNECT);
  }
}
