import { O_RDWR } from '../../../src/abi/uapi/index.ts';
import { boot, type DsaOptions, dsa } from '../../../src/index.ts';
import { descriptor, type Wanted } from '../../hardware/dsa/fixture.ts';

/** Of dsa0 in sysfs. */
export const DEVICES = '/sys/bus/dsa/devices';

/** A machine with a DSA, and a program's memory on it. */
export function bootDsa(options: DsaOptions = {}) {
  const machine = boot(dsa({ cpus: 4, ...options }));
  const { sys, fs } = machine;
  const show = (path: string) => fs.readFileSync(`${DEVICES}/${path}`, 'latin1');
  const store = (path: string, text: string) => fs.writeFileSync(`${DEVICES}/${path}`, text);
  const drive = (driver: string, how: 'bind' | 'unbind', name: string) => fs.writeFileSync(`/sys/bus/dsa/drivers/${driver}/${how}`, name);
  return { machine, sys, fs, show, store, drive, pass: (ns = 1e6) => machine.system.scheduler.runFor(ns) };
}

type Setup = ReturnType<typeof bootDsa>;

/** Buffers of a program that uses a queue, and its descriptors. */
export function client({ sys, pass }: Setup, path = '/dev/dsa/wq0.0') {
  const fd = sys.open(path, O_RDWR);
  const memory = sys.allocate(0x20000);
  const completion = memory.address;
  const bytes = (wanted: Wanted) => descriptor({ completion, ...wanted });
  const status = () => sys.peek(completion, 32);
  return {
    fd,
    memory,
    completion,
    /** Of buffers, a page apart from the record. */
    place: (at: number) => memory.address + 4096 + at,
    bytes,
    status,
    /** Writes a descriptor, and lets time pass until it is done. @returns the record */
    submit(wanted: Wanted): Uint8Array {
      sys.poke(completion, new Uint8Array(32));
      sys.write(fd, bytes(wanted));
      pass();
      return status();
    },
  };
}
