/** drivers/rpmsg: messages to remote processors, over virtio rings. Sections 21 to 23 of docs/reference/remoteproc.md. */
import type { System } from '../../kernel/index.ts';
import { endpointNodes } from './endpoint-node.ts';
import { rpmsgBus } from './rpmsg-bus.ts';
import { rpmsgChrdevDriver } from './rpmsg-char.ts';
import { controlNodes, rpmsgCtrlDriver } from './rpmsg-ctrl.ts';
import type { RpmsgDriver } from './rpmsg-device.ts';
import { rpmsgNsDriver } from './rpmsg-ns.ts';
import { addVirtioRpmsgDriver } from './virtio-rpmsg-bus.ts';

export { Endpoint, type FlowCallback, type ReceiveCallback } from './endpoint.ts';
export type { ChannelInfo, RpmsgDevice, RpmsgDriver, RpmsgTransport } from './rpmsg-device.ts';

/** register_rpmsg_driver: it is given the channels that have none. @returns unregister_rpmsg_driver @throws Errno EBUSY */
export const registerRpmsgDriver = (system: System, driver: RpmsgDriver): (() => void) => rpmsgBus(system).addDriver(driver);

function makeRpmsg(system: System): true {
  system.deviceModel.class('rpmsg');
  // Each takes its numbers when it is loaded.
  endpointNodes(system);
  controlNodes(system);
  for (const driver of [rpmsgChrdevDriver, rpmsgCtrlDriver, rpmsgNsDriver]) registerRpmsgDriver(system, driver);
  addVirtioRpmsgDriver(system);
  return true;
}

/** Brings up rpmsg, once: from then on each virtio device that speaks it has a bus of channels and /dev/rpmsg_ctrlN. */
export function addRpmsg(system: System): void {
  system.single(makeRpmsg);
}
