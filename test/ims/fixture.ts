import { Ims, type ImsSettings, type ImsVector } from '../../src/ims/index.ts';
import { MessageRouter } from '../../src/irq/index.ts';
import { bootIrqs, REQUESTER } from '../irq/fixture.ts';

export const client = (pid: number, pasid?: number) => ({ pid, queue: `wq0.${pid}`, ...(pasid === undefined ? {} : { pasid }) });

/** A machine with a device that has a message store. */
export function bootIms({ cpus = 4, canRemap = true, ...settings }: Partial<ImsSettings> & { cpus?: number; canRemap?: boolean } = {}) {
  const setup = bootIrqs({ cpus });
  const router = new MessageRouter(setup.all, { remapping: canRemap });
  const { system } = setup.machine;
  const ims = new Ims({
    system,
    irqs: setup.all,
    router,
    name: 'dsa0',
    requester: REQUESTER,
    deviceId: 5,
    actionName: 'idxd-adi',
    settings: { staticVectors: 1, ...settings },
  });
  /** Counts a vector's events as an eventfd does. */
  const listen = (vector: ImsVector) => {
    const heard = { count: 0, isPut: false };
    vector.eventfd = {
      signal: () => {
        if (heard.isPut) throw new Error('an event was counted after the end');
        heard.count++;
      },
      put: () => {
        heard.isPut = true;
      },
    };
    return heard;
  };
  return { ...setup, router, ims, listen };
}
