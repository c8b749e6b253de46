/** The host at the other end of the cable, as far as it takes samples: a driver of the gadget's interface. */
import { isErrno } from '../../abi/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import { bulkMessage, registerUsbDriver, type UsbHostEndpoint } from '../../usb/index.ts';
import { ID_PRODUCT, ID_VENDOR } from './gadget.ts';

export interface SampleHost {
  /** Bytes that it asks for at a time. */
  readonly size: number;
  /** Told of each transfer. The bytes are its own only until it returns. */
  readonly received: (bytes: Uint8Array) => void;
  /** The gadget has come, and it begins to read. */
  readonly began?: () => void;
  /** The gadget has gone. */
  readonly ended?: () => void;
}

function* read(endpoint: UsbHostEndpoint, { size, received, ended }: SampleHost): Kernel<void> {
  const bytes = new Uint8Array(size);
  try {
    for (;;) received(bytes.subarray(0, yield* bulkMessage(endpoint, bytes)));
  } catch (error) {
    if (!isErrno(error)) throw error;
  }
  ended?.();
}

/** Has a machine's host read all that gadgets of samples send. */
export function addSampleHost(system: System, host: SampleHost): void {
  registerUsbDriver(system, {
    name: 'iio-samples',
    match: ({ usbDevice: { descriptor } }) => descriptor.idVendor === ID_VENDOR && descriptor.idProduct === ID_PRODUCT,
    probe({ current, usbDevice }) {
      const [endpoint] = current.endpoints.map(({ desc }) => usbDevice.endpoints.get(desc.bEndpointAddress));
      if (endpoint === undefined) return;
      host.began?.();
      system.scheduler.spawn('the host', undefined, read(endpoint, host));
    },
  });
}
