import { expect, test } from 'vitest';
import { USB_DIR_IN, usb_endpoint_descriptor } from '../../src/abi/uapi/index.ts';
import { transfer, Urb, UsbHostEndpoint, UsbRequest } from '../../src/usb/index.ts';
import { makeRig } from './fixture.ts';

test('isochronous packets go one in each frame, empty when nobody has data', () => {
  const rig = makeRig({ controller: 'sg', echoes: false });
  const device = rig.plug();
  const desc = usb_endpoint_descriptor.decode(new DataView(Uint8Array.of(7, 5, USB_DIR_IN | 3, 1, 0, 2, 1, 0, 0).buffer), 0);
  const ep = rig.gadget.gadget.epList.find(({ name }) => name === 'ep3in');
  if (ep === undefined) throw new Error('there is no ep3in');
  ep.address = desc.bEndpointAddress;
  ep.desc = desc;
  ep.enable();
  const frames: number[] = [];
  for (const length of [100, 512]) {
    const request = new UsbRequest();
    request.buf = new Uint8Array(length).fill(length & 0xff);
    request.length = length;
    request.complete = () => frames.push(rig.machine.system.now());
    ep.queue(request);
  }
  const endpoint = new UsbHostEndpoint(device, desc);
  const packets = [0, 512, 1024].map((offset) => ({ offset, length: 512 }));
  const urb = rig.run(transfer({ endpoint, buffer: new Uint8Array(1536), packets }));
  expect(urb).toBeInstanceOf(Urb);
  expect(urb.packets.map(({ actualLength, status }) => [actualLength, status])).toEqual([
    [100, 0],
    [512, 0],
    [0, 0],
  ]);
  expect([urb.buffer[0], urb.buffer[512], urb.buffer[1024]]).toEqual([100, 0, 0]);
  expect((frames[1] as number) - (frames[0] as number)).toBe(125_000);
  ep.disable();
  rig.end();
});
