import { type Zcu102Board, zcu102 } from 'ioctopus';
import { addSampleHost } from 'ioctopus/driver';

const MIB = 2 ** 20;
const SCAN = 8;
const LINE = 64;
const ALL_CHANNELS = 0b1111;

/**
 * A ZCU102 whose converter, DMA and USB know no limit of speed, at a host that reads all samples that a gadget sends. When the gadget goes it says how
 * much came, and whether each block began where the one before ended.
 */
export default function board(say: (line: string) => void = (line) => process.stderr.write(`${line}\n`)): Zcu102Board {
  const made = zcu102({ isUnlimited: true, dmaBytesPer_ns: Number.POSITIVE_INFINITY });
  const { setUp } = made;
  made.setUp = (machine) => {
    setUp(machine);
    const { adc, usb } = made.parts;
    usb.rate.value = 1;
    let received = 0;
    let wrong = 0;
    addSampleHost(machine.system, {
      size: MIB,
      began() {
        received = 0;
        wrong = 0;
      },
      received(bytes) {
        const wanted = adc.pattern.bytes(ALL_CHANNELS, received / SCAN, LINE / SCAN);
        if (Buffer.compare(bytes.subarray(0, LINE), wanted) !== 0) wrong++;
        received += bytes.length;
      },
      ended: () => say(`the host has ${received / MIB} MiB, of which ${wrong} blocks begin with other samples than were taken`),
    });
  };
  return made;
}
