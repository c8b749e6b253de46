import type { Kernel, Sys } from 'ioctopus';
import { bulkMessage, type UsbDevice, type UsbHostEndpoint, usbDevices } from 'ioctopus/driver';
import { expect, test } from 'ioctopus/vitest';
import { loopback, makeGadget, plug } from './loopback.ts';

test.for(['dummy_udc.0', 'sg_udc.0'])('what a host sends to the gadget at %s comes back', async (udc, { machine }) => {
  function* find(sys: Sys<'task'>): Kernel<readonly UsbHostEndpoint[]> {
    for (;;) {
      const device: UsbDevice | undefined = usbDevices(machine.system).find(({ product }) => product === 'loopback');
      // Which endpoints it has got, its controller has chosen.
      const [toGadget] = [0x01, 0x02].flatMap((address) => device?.endpoint(address) ?? []);
      const fromGadget = device?.endpoint(0x81);
      if (toGadget !== undefined && fromGadget !== undefined) return [toGadget, fromGadget];
      yield* sys.poll([], 1);
    }
  }

  const total = machine.spawn(function* (sys) {
    yield* makeGadget(sys);
    return yield* loopback(sys, udc);
  });
  const heard = machine.spawn(function* (sys) {
    const [toGadget, fromGadget] = (yield* find(sys)) as [UsbHostEndpoint, UsbHostEndpoint];
    const back = new Uint8Array(64);
    yield* bulkMessage(toGadget, Buffer.from('there and back'));
    const length = yield* bulkMessage(fromGadget, back);
    yield* plug(sys, '');
    return Buffer.from(back.subarray(0, length)).toString();
  });
  await machine.run();
  expect(heard.result()).toBe('there and back');
  expect(total.result()).toBe(14);
});
